"""tests/sandbox/contract.py: holds an answer to the official Gmail contract (closed objects).

The contract lies outside this tree (../shared/specs/gmail.v1.openapi.json, or $GMAIL_OPENAPI);
where it is not at hand, `AT_HAND` is False and nothing is checked.
"""
import json
import os
import re

HERE = os.path.dirname(os.path.abspath(__file__))
PATH = os.environ.get("GMAIL_OPENAPI") or os.path.join(
    HERE, "../../../shared/specs/gmail.v1.openapi.json")
AT_HAND = os.path.exists(PATH)
if AT_HAND:
    with open(PATH) as file:
        SPEC = json.load(file)
TYPES = {"object": dict, "array": list, "string": str, "integer": int, "boolean": bool,
         "number": (int, float)}


def faults(value, schema, where="$"):
    """What is wrong with the value, a sentence each."""
    if "$ref" in schema:
        return faults(value, SPEC["components"]["schemas"][schema["$ref"].split("/")[-1]], where)
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
                found += faults(inner, known[name], f"{where}.{name}")
            elif schema.get("additionalProperties") is False:
                found.append(f"{where}: {name} is not in the contract")
    if isinstance(value, list):
        for at, inner in enumerate(value):
            found += faults(inner, schema.get("items", {}), f"{where}[{at}]")
    return found


def operation(method, path):
    """The contract's operation for a path, and None when it has none."""
    segments = path.split("?")[0].split("/")
    best = None
    for pattern, verbs in SPEC["paths"].items():
        parts = pattern.split("/")
        if len(parts) == len(segments) and method.lower() in verbs and all(
                p == s or p.startswith("{") for p, s in zip(parts, segments)):
            exact = sum(p == s for p, s in zip(parts, segments))
            if best is None or exact > best[0]:
                best = (exact, verbs[method.lower()])
    return best and best[1]


def check(method, path, status, body):
    """Sentences about what breaks the contract; none when all is well."""
    if not AT_HAND:
        return []
    found = operation(method, path)
    if found is None:
        return [] if status == 404 else [f"{method} {path} is not in the contract"]
    answer = found["responses"].get(str(status), found["responses"].get("default"))
    if "content" not in answer:
        return ["a body where there is none to be"] if body else []
    if status < 300 and str(status) not in found["responses"]:
        return [f"{method} {path}: status {status} is not in the contract"]
    return faults(json.loads(body), list(answer["content"].values())[0]["schema"])
