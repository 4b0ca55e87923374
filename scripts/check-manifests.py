#!/usr/bin/env python3
"""Checks everything under k8s/ against the Kubernetes schemas, and that the manifests fit each other and the program.

Every manifest is checked as it stands, and every kustomization's paths. Where kustomize or kubectl is installed the
overlays are rendered and the result is checked too; where promtool is, alerts are tried on made-up series. The first run
installs what the checks need under target/.
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


def load(text):
    """The documents of a YAML text."""
    import yaml

    return [document for document in yaml.safe_load_all(text) if document]


def document_faults(where, documents):
    """Faults of documents that are applied together."""
    from manifests import relations, schemas

    found = [fault for document in documents for fault in schemas.faults(where, document)]
    # What has not the form cannot be followed.
    return found or list(relations.faults(where, documents))


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
    yield from document_faults(where, documents)


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


def rendered_faults(render, folder, readme):
    """Faults of what a kustomization renders to."""
    where = f"{folder.relative_to(ROOT)} rendered"
    result = subprocess.run([*render, str(folder)], capture_output=True, text=True, check=False)
    if result.returncode != 0:
        yield f"{where}: {result.stderr.strip()}"
        return
    documents = load(result.stdout)
    yield from document_faults(where, documents)
    made = {document["metadata"]["name"] for document in documents if document["kind"] == "Secret"}
    for secret in sorted(secrets(documents) - made):
        if f"`{secret}`" not in readme:
            yield f"{where}: Secret {secret} is neither made here nor told of in k8s/README.md"


def secrets(documents):
    """Names of the Secrets that workloads want."""
    pods = [document["spec"]["template"]["spec"] for document in documents if document["kind"] == "StatefulSet"]
    mounted = {volume["secret"]["secretName"] for pod in pods for volume in pod["volumes"] if "secret" in volume}
    return mounted | {source["secretRef"]["name"] for pod in pods for container in pod["containers"]
                      for source in container["envFrom"] if "secretRef" in source}


def setting_faults():
    """Variables in the manifests that are no settings of the program."""
    from manifests import settings

    known = settings.keys((ROOT / "node" / "earlybird.example.toml").read_text(encoding="utf-8"))
    for path in sorted(MANIFESTS.rglob("*.yaml")):
        yield from settings.faults(path.relative_to(ROOT), path.read_text(encoding="utf-8"), known)


def image_faults():
    """Faults of the image."""
    from manifests import image

    files = [MANIFESTS / "Dockerfile", ROOT / "rust-toolchain.toml", MANIFESTS / "base" / "stateful-set.yaml"]
    return image.faults(*[path.read_text(encoding="utf-8") for path in files])


def main():
    """Check everything. Exit code 0 means that no fault was found."""
    if IN_VENV not in sys.argv:
        return run_in_venv()
    from manifests import monitoring, schemas

    kustomizations = sorted(MANIFESTS.rglob("kustomization.yaml"))
    readme = (MANIFESTS / "README.md").read_text(encoding="utf-8")
    render = renderer()
    faults = [*orphans(kustomizations), *setting_faults(), *image_faults()]
    faults += monitoring.faults(MANIFESTS / "base" / "monitoring", readme)
    for path in kustomizations:
        faults += kustomization_faults(path)
        if render:
            faults += rendered_faults(render, path.parent, readme)
    for fault in faults:
        print(fault, file=sys.stderr)
    if not faults:
        how = f"rendered with {render[0]}" if render else "not rendered: neither kustomize nor kubectl is installed"
        tried = "tried with promtool" if monitoring.has_promtool() else "parsed, not tried: promtool is not installed"
        print(f"k8s: {len(kustomizations)} kustomizations ok against Kubernetes {schemas.KUBERNETES_VERSION}, {how}; "
              f"alerts {tried}")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
