#!/usr/bin/env python3
"""Checks everything under k8s/ against the Kubernetes schemas, and that the manifests fit each other.

Every manifest is checked as it stands, and every kustomization's paths. Where kustomize or kubectl is installed the
overlays are rendered and the result is checked too. The first run installs the validator under target/.
"""

import shutil
import subprocess
import sys
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
MANIFESTS = ROOT / "k8s"
REQUIREMENTS = ROOT / "scripts" / "requirements.txt"
VENV = ROOT / "target" / "venv"
KUBERNETES_VERSION = "1.34"
IN_VENV = "--in-venv"


def run_in_venv():
    """Run this script again where its requirements are installed. Returns the exit code."""
    python = VENV / "bin" / "python"
    installed = VENV / "requirements.txt"
    if not installed.exists() or installed.read_bytes() != REQUIREMENTS.read_bytes():
        venv.create(VENV, with_pip=True, clear=True)
        pip = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r", REQUIREMENTS]
        if subprocess.run(pip, check=False).returncode != 0:
            print("could not install the manifest validator: the first run needs the network", file=sys.stderr)
            return 1
        shutil.copyfile(REQUIREMENTS, installed)
    return subprocess.run([python, "-B", __file__, IN_VENV], check=False).returncode


def schema_faults(where, document):
    """Differences between a document and the schema of its kind."""
    import kubernetes_validate

    what = f"{where}: {document.get('kind')} {document.get('metadata', {}).get('name')}"
    try:
        kubernetes_validate.validate(document, KUBERNETES_VERSION, strict=True)
    except kubernetes_validate.ValidationError as error:
        path = ".".join(str(part) for part in error.path)
        yield f"{what}: {path or 'top level'}: {error.message}"
    except kubernetes_validate.SchemaNotFoundError:
        yield f"{what}: no such kind in Kubernetes {KUBERNETES_VERSION}"


def relation_faults(where, documents):
    """References between documents that lead nowhere."""
    of_kind = {}
    for document in documents:
        of_kind.setdefault(document["kind"], []).append(document)
    sets = of_kind.get("StatefulSet", [])
    services = of_kind.get("Service", [])
    for workload in sets:
        spec = workload["spec"]
        if spec["serviceName"] not in [service["metadata"]["name"] for service in services]:
            yield f"{where}: StatefulSet {workload['metadata']['name']}: no Service {spec['serviceName']}"
        pod = spec["template"]["spec"]
        volumes = {volume["name"] for volume in pod.get("volumes", []) + [
            claim["metadata"] for claim in spec.get("volumeClaimTemplates", [])]}
        for container in pod["containers"]:
            for mount in container.get("volumeMounts", []):
                if mount["name"] not in volumes:
                    yield f"{where}: container {container['name']}: no volume {mount['name']}"
    selecting = [(service, service["spec"]["selector"]) for service in services]
    selecting += [(owner, owner["spec"]["selector"]["matchLabels"])
                  for owner in sets + of_kind.get("PodDisruptionBudget", [])]
    for owner, selector in selecting:
        name = f"{where}: {owner['kind']} {owner['metadata']['name']}"
        chosen = [workload["spec"]["template"] for workload in sets
                  if selector.items() <= workload["spec"]["template"]["metadata"]["labels"].items()]
        if not chosen:
            yield f"{name}: its selector matches no pod"
        for port in owner["spec"].get("ports", []):
            names = [known["name"] for pod in chosen for container in pod["spec"]["containers"]
                     for known in container.get("ports", [])]
            if port["targetPort"] not in names:
                yield f"{name}: no container port {port['targetPort']}"


def load(text):
    """The documents of a YAML text."""
    import yaml

    return [document for document in yaml.safe_load_all(text) if document]


def kustomization_faults(path):
    """Faults of one kustomization and of the manifests that it names."""
    kustomization = load(path.read_text(encoding="utf-8"))[0]
    where = path.parent.relative_to(ROOT)
    documents = []
    for entry in kustomization.get("resources", []):
        target = (path.parent / entry).resolve()
        if target.is_file():
            documents += load(target.read_text(encoding="utf-8"))
        elif not (target / "kustomization.yaml").is_file():
            yield f"{where}: resource {entry} does not exist"
    for patch in kustomization.get("patches", []):
        if "path" in patch and not (path.parent / patch["path"]).is_file():
            yield f"{where}: patch {patch['path']} does not exist"
    for document in documents:
        yield from schema_faults(where, document)
    yield from relation_faults(where, documents)


def orphans(kustomizations):
    """Manifests that no kustomization names: they would never be applied."""
    named = set(kustomizations)
    for path in kustomizations:
        content = load(path.read_text(encoding="utf-8"))[0]
        entries = content.get("resources", []) + [patch.get("path", "") for patch in content.get("patches", [])]
        named |= {(path.parent / entry).resolve() for entry in entries}
    yield from (f"{path.relative_to(ROOT)}: no kustomization names it"
                for path in sorted(MANIFESTS.rglob("*.yaml")) if path not in named)


def renderer():
    """The command that renders a kustomization, or None."""
    if shutil.which("kustomize"):
        return ["kustomize", "build"]
    if shutil.which("kubectl"):
        return ["kubectl", "kustomize"]
    return None


def rendered_faults(render, folder):
    """Faults of what a kustomization renders to."""
    where = f"{folder.relative_to(ROOT)} rendered"
    result = subprocess.run([*render, str(folder)], capture_output=True, text=True, check=False)
    if result.returncode != 0:
        yield f"{where}: {result.stderr.strip()}"
        return
    documents = load(result.stdout)
    for document in documents:
        yield from schema_faults(where, document)
    yield from relation_faults(where, documents)


def main():
    """Check everything. Exit code 0 means that no fault was found."""
    if IN_VENV not in sys.argv:
        return run_in_venv()
    kustomizations = sorted(MANIFESTS.rglob("kustomization.yaml"))
    render = renderer()
    faults = list(orphans(kustomizations))
    for path in kustomizations:
        faults += kustomization_faults(path)
        if render:
            faults += rendered_faults(render, path.parent)
    for fault in faults:
        print(fault, file=sys.stderr)
    if not faults:
        how = f"rendered with {render[0]}" if render else "not rendered: neither kustomize nor kubectl is installed"
        print(f"k8s: {len(kustomizations)} kustomizations ok against Kubernetes {KUBERNETES_VERSION}, {how}")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
