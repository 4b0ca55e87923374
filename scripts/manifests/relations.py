"""Whether documents that are applied together fit each other."""

import re


def faults(where, documents):
    """References between documents that lead nowhere."""
    of_kind = {}
    for document in documents:
        of_kind.setdefault(document["kind"], []).append(document)
    sets = of_kind.get("StatefulSet", [])
    for workload in sets:
        yield from _workload(f"{where}: StatefulSet {_name(workload)}", workload, of_kind)
    for owner, selector in _selecting(of_kind):
        name = f"{where}: {owner['kind']} {_name(owner)}"
        chosen = [workload["spec"]["template"] for workload in sets
                  if selector.items() <= workload["spec"]["template"]["metadata"]["labels"].items()]
        if not chosen:
            yield f"{name}: its selector matches no pod"
        known = {(port["name"], port.get("protocol", "TCP")) for pod in chosen
                 for container in pod["spec"]["containers"] for port in container.get("ports", [])}
        for port, protocol in _ports(owner):
            if (port, protocol) not in known:
                yield f"{name}: no container port {port} of {protocol}"
    for monitor in of_kind.get("ServiceMonitor", []):
        yield from _monitor(f"{where}: ServiceMonitor {_name(monitor)}", monitor, of_kind.get("Service", []))


def _name(document):
    return document["metadata"]["name"]


def _selecting(of_kind):
    for service in of_kind.get("Service", []):
        yield service, service["spec"]["selector"]
    for policy in of_kind.get("NetworkPolicy", []):
        yield policy, policy["spec"]["podSelector"]["matchLabels"]
    for owner in of_kind.get("StatefulSet", []) + of_kind.get("PodDisruptionBudget", []):
        yield owner, owner["spec"]["selector"]["matchLabels"]


def _ports(owner):
    """Ports of pods that a Service or a NetworkPolicy names, with their protocols."""
    for port in owner["spec"].get("ports", []):
        yield port["targetPort"], port.get("protocol", "TCP")
    for rule in owner["spec"].get("ingress", []):
        for port in rule["ports"]:
            yield port["port"], port["protocol"]


def _monitor(name, monitor, services):
    wanted = monitor["spec"]["selector"]["matchLabels"].items()
    chosen = [service for service in services if wanted <= service["metadata"]["labels"].items()]
    for endpoint in monitor["spec"]["endpoints"]:
        offering = [service for service in chosen
                    if endpoint["port"] in [port["name"] for port in service["spec"]["ports"]]]
        if len(offering) != 1:
            yield f"{name}: {len(offering)} Services have its port {endpoint['port']}, so pods are scraped as often"


def _workload(name, workload, of_kind):
    spec = workload["spec"]
    if spec["serviceName"] not in map(_name, of_kind.get("Service", [])):
        yield f"{name}: no Service {spec['serviceName']}"
    pod = spec["template"]["spec"]
    if pod["serviceAccountName"] not in map(_name, of_kind.get("ServiceAccount", [])):
        yield f"{name}: no ServiceAccount {pod['serviceAccountName']}"
    volumes = {volume["name"] for volume in pod.get("volumes", []) + [
        claim["metadata"] for claim in spec.get("volumeClaimTemplates", [])]}
    mounted = {mount["name"] for container in pod["containers"] for mount in container.get("volumeMounts", [])}
    for volume in sorted(volumes ^ mounted):
        yield f"{name}: volume {volume} is {'not mounted' if volume in volumes else 'mounted and not there'}"
    yield from _hardening(name, pod)
    for container in pod["containers"]:
        yield from _environment(f"{name}: container {container['name']}", container, of_kind)


def _environment(name, container, of_kind):
    """ConfigMaps that are not there, and variables that stand before what they refer to: those are not expanded."""
    maps = {_name(document): document.get("data", {}) for document in of_kind.get("ConfigMap", [])}
    referred = [(source["configMapRef"]["name"], None) for source in container.get("envFrom", [])
                if "configMapRef" in source]
    seen = set()
    for variable in container.get("env", []):
        for reference in re.findall(r"\$\((\w+)\)", variable.get("value", "")):
            if reference not in seen:
                yield f"{name}: {variable['name']} refers to {reference}, which is not defined before it"
        seen.add(variable["name"])
        key = variable.get("valueFrom", {}).get("configMapKeyRef")
        if key:
            referred.append((key["name"], key["key"]))
    # As they stand, manifests name ConfigMaps that only rendering makes.
    for config_map, key in referred if maps else []:
        if config_map not in maps or (key and key not in maps[config_map]):
            yield f"{name}: no ConfigMap {config_map}{f' with {key}' if key else ''}"


def _hardening(name, pod):
    """What every pod of ours has, beside what the namespace's admission asks for."""
    if pod.get("automountServiceAccountToken") is not False:
        yield f"{name}: it is given a token of its ServiceAccount"
    if pod.get("securityContext", {}).get("runAsNonRoot") is not True:
        yield f"{name}: it may run as root"
    for container in pod["containers"]:
        where = f"{name}: container {container['name']}"
        if container.get("securityContext", {}).get("readOnlyRootFilesystem") is not True:
            yield f"{where}: its root file system is writable"
        resources = container.get("resources", {})
        if not {"cpu", "memory"} <= resources.get("requests", {}).keys() or "memory" not in resources.get("limits", {}):
            yield f"{where}: it has no requests, or no limit of memory"
        for name_of in sorted({key for part in resources.values() for key in part} - {"cpu", "memory"}):
            yield f"{where}: no resource {name_of} is known"
        for probe in ["startupProbe", "readinessProbe", "livenessProbe"]:
            if probe not in container:
                yield f"{where}: no {probe}"
        if "preStop" not in container.get("lifecycle", {}):
            yield f"{where}: no preStop: calls come in while it drains"
