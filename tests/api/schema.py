"""tests/api/schema.py: as much of JSON Schema 2020-12 as core/control/openapi.yaml uses, and a complaint
about every word of it that is not known here, so that nothing is checked only by appearance."""

KNOWN = {"type", "enum", "const", "required", "properties", "additionalProperties", "items", "minimum",
         "maximum", "maxItems", "$ref", "description", "default", "format", "summary"}
TYPES = {"string": str, "boolean": bool, "object": dict, "array": list, "null": type(None)}


class Schemas:
    def __init__(self, spec):
        self.spec = spec

    def resolve(self, node):
        """Follows $ref, for schemas and for everything else of the description."""
        while isinstance(node, dict) and "$ref" in node:
            assert node["$ref"].startswith("#/"), node
            target = self.spec
            for part in node["$ref"][2:].split("/"):
                target = target[part]
            node = target
        return node

    def faults(self, schema, value, where="$"):
        schema = self.resolve(schema)
        unknown = set(schema) - KNOWN
        if unknown:
            return [f"{where}: the test does not know {sorted(unknown)}"]
        if "enum" in schema and value not in schema["enum"]:
            return [f"{where}: {value!r} is none of {schema['enum']}"]
        if "const" in schema and value != schema["const"]:
            return [f"{where}: {value!r} is not {schema['const']!r}"]
        if "type" in schema and not self.fits(schema["type"], value):
            return [f"{where}: {value!r} is no {schema['type']}"]
        found = []
        if isinstance(value, dict):
            found += self.object_faults(schema, value, where)
        if isinstance(value, list):
            if len(value) > schema.get("maxItems", len(value)):
                found.append(f"{where}: {len(value)} items")
            for index, item in enumerate(value):
                found += self.faults(schema.get("items", {}), item, f"{where}[{index}]")
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            if not schema.get("minimum", value) <= value <= schema.get("maximum", value):
                found.append(f"{where}: {value} is out of bounds")
        return found

    def object_faults(self, schema, value, where):
        found = [f"{where}: {key} is missing" for key in schema.get("required", ()) if key not in value]
        known = schema.get("properties", {})
        for key, one in value.items():
            if key in known:
                found += self.faults(known[key], one, f"{where}.{key}")
            elif isinstance(schema.get("additionalProperties"), dict):
                found += self.faults(schema["additionalProperties"], one, f"{where}.{key}")
            elif known:  # an answer says nothing that is not described
                found.append(f"{where}: {key} is not described")
        return found

    @staticmethod
    def fits(types, value):
        for name in [types] if isinstance(types, str) else types:
            if name == "integer":
                if isinstance(value, int) and not isinstance(value, bool):
                    return True
            elif isinstance(value, TYPES[name]):
                return True
        return False
