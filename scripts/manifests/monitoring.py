"""Whether alerts and dashboard say what Prometheus and Grafana understand, and the runbook knows every alert.

That each metric which they name is exported is checked on a running node, by node/tests/it/edge/metrics.rs.
"""

import json
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

import promql_parser
import yaml

ALERT_TESTS = Path(__file__).parent / "alert-tests.yaml"


def faults(folder, readme):
    """Faults of the alert rules and of the dashboard in a folder, and alerts of which the runbook does not tell."""
    rules = yaml.safe_load((folder / "alerts.yaml").read_text(encoding="utf-8"))["spec"]
    alerts = [rule for group in rules["groups"] for rule in group["rules"]]
    for rule in alerts:
        yield from _query(f"alerts.yaml: {rule['alert']}", rule["expr"])
    names = [rule["alert"] for rule in alerts]
    told = re.findall(r"^\| `(Earlybird\w+)` \|", readme, re.MULTILINE)
    for name in sorted(set(names) ^ set(told)):
        yield f"k8s/README.md: {name} is {'not in the runbook' if name in names else 'no alert'}"
    for name in {name for name in names if names.count(name) > 1}:
        yield f"alerts.yaml: {name} is there twice"
    yield from _promtool(rules)
    dashboard = json.loads((folder / "dashboard.json").read_text(encoding="utf-8"))
    yield from _dashboard(dashboard)


def has_promtool():
    """Whether the alerts were tried on made-up series as well."""
    return shutil.which("promtool") is not None


def _query(where, text):
    try:
        promql_parser.parse(text)
    except ValueError as error:
        yield f"{where}: {error}: {text}"


def _promtool(rules):
    """What Prometheus' own tool says of the rules, and of the tests in which they fire or do not."""
    if not has_promtool():
        return
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "alerts.yaml").write_text(yaml.safe_dump(rules), encoding="utf-8")
        tests = Path(folder) / "alert-tests.yaml"
        shutil.copyfile(ALERT_TESTS, tests)
        for command in [["check", "rules", "alerts.yaml"], ["test", "rules", tests.name]]:
            result = subprocess.run(["promtool", *command], cwd=folder, capture_output=True, text=True, check=False)
            if result.returncode != 0:
                yield f"alerts.yaml: {result.stdout}{result.stderr}"


def _dashboard(dashboard):
    panels = dashboard["panels"]
    if len({panel["id"] for panel in panels}) < len(panels):
        yield "dashboard.json: two panels have the same id"
    taken = {}
    for panel in panels:
        where = f"dashboard.json: {panel['title']}"
        place = panel["gridPos"]
        cells = {(x, y) for x in range(place["x"], place["x"] + place["w"])
                 for y in range(place["y"], place["y"] + place["h"])}
        for other in {taken[cell] for cell in cells & taken.keys()}:
            yield f"{where}: it lies over {other}"
        taken |= dict.fromkeys(cells, panel["title"])
        if panel["type"] == "row":
            continue
        if not panel.get("description") or not panel["targets"]:
            yield f"{where}: no description, or nothing to show"
        for target in panel["targets"]:
            yield from _query(where, target["expr"].replace("$__rate_interval", "5m"))
    for annotation in dashboard["annotations"]["list"]:
        yield from _query(f"dashboard.json: {annotation['name']}", annotation["expr"])
