"""tests/sandbox/contract.py: holds an answer to an official contract (closed objects).

The contracts lie outside this tree (../shared/specs/*.openapi.json, or $GMAIL_OPENAPI and
$GRAPH_OPENAPI); where one is not at hand, nothing is checked.
"""
import json
import os
import re

HERE = os.path.dirname(os.path.abspath(__file__))


def load(variable, name):
    path = os.environ.get(variable) or os.path.join(HERE, "../../../shared/specs", name)
    if not os.path.exists(path):
        return None
    with open(path) as file:
        return json.load(file)


GMAIL = load("GMAIL_OPENAPI", "gmail.v1.openapi.json")
GRAPH = load("GRAPH_OPENAPI", "graph.v1.mail.openapi.json")
TYPES = {"object": dict, "array": list, "string": str, "integer": int, "boolean": bool,
         "number": (int, float)}


def faults(value, schema, spec, where="$"):
    """What is wrong with the value, a sentence each."""
    if "$ref" in schema:
        return faults(value, spec["components"]["schemas"][schema["$ref"].split("/")[-1]], spec,
                      where)
    if value is None and schema.get("nullable"):
        return []
    if "allOf" in schema:
        return [found for one in schema["allOf"] for found in faults(value, one, spec, where)]
    kind = schema.get("type")
    if kind and (not isinstance(value, TYPES[kind])
                 or (kind == "integer" and isinstance(value, bool))):
        return [f"{where}: {value!r} is no {kind}"]
    found = []
    if "enum" in schema and value not in schema["enum"]:
        found.append(f"{where}: {value!r} is none of {schema['enum']}")
    if "pattern" in schema and not re.search(schema["pattern"], value):
        found.append(f"{where}: {value!r} does not fit {schema['pattern']}")
    if isinstance(value, dict):
        known = schema.get("properties", {})
        found += [f"{where}: lacks {name}" for name in schema.get("required", ())
                  if name not in value]
        for name, inner in value.items():
            if name in known:
                found += faults(inner, known[name], spec, f"{where}.{name}")
            elif schema.get("additionalProperties") is False:
                found.append(f"{where}: {name} is not in the contract")
    if isinstance(value, list):
        for at, inner in enumerate(value):
            found += faults(inner, schema.get("items", {}), spec, f"{where}[{at}]")
    return found


def operation(method, path, spec):
    """The contract's operation for a path, and None when it has none."""
    segments = path.split("?")[0].split("/")
    best = None
    for pattern, verbs in spec["paths"].items():
        parts = pattern.split("/")
        if len(parts) == len(segments) and method.lower() in verbs and all(
                p == s or p.startswith("{") for p, s in zip(parts, segments)):
            exact = sum(p == s for p, s in zip(parts, segments))
            if best is None or exact > best[0]:
                best = (exact, verbs[method.lower()])
    return best and best[1]


def check(method, path, status, body, spec=GMAIL):
    """Sentences about what breaks the contract; none when all is well."""
    if spec is None:
        return []
    found = operation(method, path, spec)
    if found is None:
        return [] if status == 404 else [f"{method} {path} is not in the contract"]
    answer = found["responses"].get(str(status), found["responses"].get("default"))
    if "$ref" in answer:
        answer = spec["components"]["responses"][answer["$ref"].split("/")[-1]]
    if "content" not in answer:
        return ["a body where there is none to be"] if body else []
    if status < 300 and str(status) not in found["responses"]:
        return [f"{method} {path}: status {status} is not in the contract"]
    if "application/json" not in answer["content"]:
        return []
    return faults(json.loads(body), list(answer["content"].values())[0]["schema"], spec)
