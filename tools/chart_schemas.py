"""JSON schemas of Kubernetes' kinds and of the custom ones, as strict as an API server, for kubeconform.

They come out of Go modules, whose files carry the cluster's own description: package registries are all it takes.
"""

import hashlib
import json
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml
from tools.go_tools import HOME, module_folder

KUBERNETES = "k8s.io/kubernetes@v1.35.4"
#: Module -> where its custom resources are, and those of them that a release may have.
CUSTOM = {
    "github.com/kedacore/keda/v2@v2.21.0": (
        "config/crd/bases",
        ("keda.sh_scaledobjects", "keda.sh_triggerauthentications"),
    ),
    "github.com/prometheus-operator/prometheus-operator@v0.85.0": (
        "example/prometheus-operator-crd",
        (
            "monitoring.coreos.com_podmonitors",
            "monitoring.coreos.com_prometheusrules",
            "monitoring.coreos.com_servicemonitors",
        ),
    ),
}
#: Keywords that mean the same in OpenAPI and in JSON Schema.
COMMON = (
    "type",
    "enum",
    "required",
    "pattern",
    "minimum",
    "maximum",
    "minLength",
    "maxLength",
    "minItems",
    "maxItems",
)
PREFIX = "#/definitions/"
Schema = dict[str, Any]


def schemas() -> Path:
    """The folder of all schemas, written when these versions have none yet."""
    versions = hashlib.sha256(Path(__file__).read_bytes())
    folder = HOME.parent / "schemas" / versions.hexdigest()[:12]
    if not folder.exists():
        new = folder.with_suffix(".new")
        shutil.rmtree(new, ignore_errors=True)
        new.mkdir(parents=True)
        for name, schema in [*_kubernetes(), *_custom()]:
            (new / f"{name}.json").write_text(json.dumps(schema), encoding="utf-8")
        new.rename(folder)
    return folder


def _kubernetes() -> Iterator[tuple[str, Schema]]:
    source = module_folder(KUBERNETES) / "api" / "openapi-spec" / "swagger.json"
    found = json.loads(source.read_text(encoding="utf-8"))["definitions"]
    closed = {name: _closed(schema) for name, schema in found.items()}
    # `cpu: 1` is a quantity, too.
    closed["io.k8s.apimachinery.pkg.api.resource.Quantity"] = {"type": ["string", "number"]}
    for name, schema in found.items():
        for kind in schema.get("x-kubernetes-group-version-kind", []):
            used = {used: closed[used] for used in _used(name, found)}
            yield _name(kind["group"], kind["version"], kind["kind"]), {**closed[name], "definitions": used}


def _custom() -> Iterator[tuple[str, Schema]]:
    for module, (folder, names) in CUSTOM.items():
        for path in (module_folder(module) / folder / f"{name}.yaml" for name in names):
            spec = yaml.safe_load(path.read_text(encoding="utf-8"))["spec"]
            for version in spec["versions"]:
                schema = _closed(version["schema"]["openAPIV3Schema"])
                schema["properties"]["metadata"] = {"type": "object"}
                yield _name(spec["group"], version["name"], spec["names"]["kind"]), schema


def _name(group: str, version: str, kind: str) -> str:
    """As kubeconform's `{{.ResourceKind}}{{.KindSuffix}}` has it."""
    return "-".join(part for part in (kind, group.partition(".")[0], version) if part).lower()


def _closed(schema: Schema) -> Schema:
    """`schema` as a server takes it: no unknown field, and null where a field may be absent."""
    if "$ref" in schema:
        return {"$ref": schema["$ref"]}
    if schema.get("format") == "int-or-string" or schema.get("x-kubernetes-int-or-string"):
        return {"type": ["integer", "string"]}
    closed: Schema = {word: schema[word] for word in COMMON if word in schema}
    for word in ("items", "additionalProperties"):
        if isinstance(schema.get(word), dict):
            closed[word] = _closed(schema[word])
    fields = schema.get("properties")
    if fields:
        needed = schema.get("required", [])
        closed["properties"] = {
            name: _closed(field) if name in needed else {"anyOf": [_closed(field), {"type": "null"}]}
            for name, field in fields.items()
        }
        if "additionalProperties" not in closed and not schema.get("x-kubernetes-preserve-unknown-fields"):
            closed["additionalProperties"] = False
    return closed


def _used(name: str, found: dict[str, Schema]) -> set[str]:
    """The definitions that `name` reaches."""
    reached: set[str] = set()
    ahead = [found[name]]
    while ahead:
        part: Any = ahead.pop()
        if isinstance(part, list):
            ahead.extend(part)
        elif isinstance(part, dict):
            other = part.get("$ref")
            if isinstance(other, str) and other.removeprefix(PREFIX) not in reached:
                reached.add(other.removeprefix(PREFIX))
                ahead.append(found[other.removeprefix(PREFIX)])
            ahead.extend(part.values())
    return reached


if __name__ == "__main__":
    sys.stdout.write(f"{schemas()}\n")
