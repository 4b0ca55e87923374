"""Whether the image is built with the pinned toolchain and runs as the user that the pods ask for."""

import re


def faults(dockerfile, toolchain, pods):
    """Differences between the Dockerfile, rust-toolchain.toml and the manifests, as texts."""
    pinned = re.search(r'^channel = "(.+)"$', toolchain, re.MULTILINE)[1]
    if f"ENV RUSTUP_TOOLCHAIN={pinned}\n" not in dockerfile:
        yield f"k8s/Dockerfile: its toolchain is not {pinned} of rust-toolchain.toml"
    if not pinned.startswith(re.search(r"^FROM rust:([0-9.]+)-", dockerfile, re.MULTILINE)[1]):
        yield f"k8s/Dockerfile: its base image is not of {pinned}"
    last_stage = dockerfile.rpartition("\nFROM ")[2]
    user = re.search(r"^USER ([0-9]+):([0-9]+)$", last_stage, re.MULTILINE)
    wanted = [re.search(rf"^ *{key}: ([0-9]+)$", pods, re.MULTILINE)[1] for key in ["runAsUser", "runAsGroup"]]
    if not user or list(user.groups()) != wanted or "0" in wanted:
        yield f"k8s/Dockerfile: it does not run as {':'.join(wanted)}, as the pods do"
