"""Checks of what is under k8s/, for scripts/check-manifests.py."""
