"""Whether a document has the form that the cluster takes."""

import jsonschema
import kubernetes_validate

KUBERNETES_VERSION = "1.34"

_TEXT = {"type": "string", "minLength": 1}
_TEXTS = {"type": "object", "additionalProperties": _TEXT}
_SPAN = {"type": "string", "pattern": "^([0-9]+(ms|[smhdwy]))+$"}


def _object(required, optional=None):
    """An object with these fields and no others."""
    fields = {**required, **(optional or {})}
    return {"type": "object", "properties": fields, "required": list(required), "additionalProperties": False}


def _resource(spec):
    metadata = _object({"name": _TEXT}, {"labels": _TEXTS, "namespace": _TEXT})
    return _object({"apiVersion": _TEXT, "kind": _TEXT, "metadata": metadata, "spec": spec})


_ALERT = _object(
    {
        "alert": {"type": "string", "pattern": "^Earlybird[A-Za-z]+$"},
        "expr": _TEXT,
        "labels": _object({"severity": {"enum": ["critical", "warning"]}}),
        "annotations": _object({"summary": _TEXT}),
    },
    {"for": _SPAN},
)
_ENDPOINT = _object({"port": _TEXT, "path": _TEXT, "interval": _SPAN, "scrapeTimeout": _SPAN})

# The Prometheus operator's own schemas are in no package that could be pinned here. These are narrower than they: the
# fields that we use, all of them spelled as the operator's documentation spells them, and no others.
_OPERATOR = {
    "PrometheusRule": _resource(_object({
        "groups": {"type": "array", "minItems": 1, "items": _object({
            "name": _TEXT,
            "rules": {"type": "array", "minItems": 1, "items": _ALERT},
        })},
    })),
    "ServiceMonitor": _resource(_object({
        "jobLabel": _TEXT,
        "selector": _object({"matchLabels": _TEXTS}),
        "endpoints": {"type": "array", "minItems": 1, "items": _ENDPOINT},
    })),
}


def faults(where, document):
    """Differences between a document and the schema of its kind."""
    what = f"{where}: {document.get('kind')} {document.get('metadata', {}).get('name')}"
    try:
        if document.get("apiVersion") == "monitoring.coreos.com/v1":
            jsonschema.validate(document, _OPERATOR[document["kind"]])
        else:
            kubernetes_validate.validate(document, KUBERNETES_VERSION, strict=True)
    except (kubernetes_validate.ValidationError, jsonschema.ValidationError) as error:
        path = ".".join(str(part) for part in error.path)
        yield f"{what}: {path or 'top level'}: {error.message}"
    except kubernetes_validate.SchemaNotFoundError:
        yield f"{what}: no such kind in Kubernetes {KUBERNETES_VERSION}"
    except KeyError:
        yield f"{what}: no schema for this kind of the Prometheus operator"
