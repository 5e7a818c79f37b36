"""JSON Schema (2020-12) as far as openapi.json uses it; a keyword that is not known here is an
error, so that nothing goes unchecked."""

import re

NOTES = {"description", "default", "examples", "$schema"}
KINDS = {
    "object": lambda v: isinstance(v, dict),
    "array": lambda v: isinstance(v, list),
    "string": lambda v: isinstance(v, str),
    "boolean": lambda v: isinstance(v, bool),
    "integer": lambda v: isinstance(v, int) and not isinstance(v, bool),
    "number": lambda v: isinstance(v, (int, float)) and not isinstance(v, bool),
}


def troubles(value, schema, whole, at="$"):
    """What is wrong with a value, a line each."""
    found = []
    for word, wants in schema.items():
        check = CHECKS.get(word)
        if check is not None:
            found += check(value, wants, schema, whole, at)
        elif word not in NOTES:
            raise ValueError(f"{at}: the schema says {word!r}, which is not known here")
    return found


def _ref(value, wants, _schema, whole, at):
    target = whole
    for name in wants.removeprefix("#/").split("/"):
        target = target[name]
    return troubles(value, target, whole, at)


def _type(value, wants, _schema, _whole, at):
    kinds = wants if isinstance(wants, list) else [wants]
    return [] if any(KINDS[kind](value) for kind in kinds) else [f"{at}: {value!r} is no {wants}"]


def _required(value, wants, _schema, _whole, at):
    return [f"{at}: {name} is missing" for name in wants
            if isinstance(value, dict) and name not in value]


def _properties(value, wants, _schema, whole, at):
    if not isinstance(value, dict):
        return []
    return [line for name, schema in wants.items() if name in value
            for line in troubles(value[name], schema, whole, f"{at}.{name}")]


def _additional(value, wants, schema, _whole, at):
    if wants is not False:
        raise ValueError(f"{at}: additionalProperties is false, or not there")
    extra = set(value) - set(schema.get("properties", {})) if isinstance(value, dict) else set()
    return [f"{at}: {name} is not in the schema" for name in sorted(extra)]


def _items(value, wants, _schema, whole, at):
    if not isinstance(value, list):
        return []
    return [line for n, one in enumerate(value) for line in troubles(one, wants, whole, f"{at}[{n}]")]


def _any_of(value, wants, _schema, whole, at):
    tries = [troubles(value, schema, whole, at) for schema in wants]
    return [] if [] in tries else [f"{at}: none of anyOf"] + tries[0]


CHECKS = {
    "$ref": _ref, "type": _type, "required": _required, "properties": _properties,
    "additionalProperties": _additional, "items": _items, "anyOf": _any_of,
    "enum": lambda v, w, s, d, at: [] if v in w else [f"{at}: {v!r} is none of {w}"],
    "minItems": lambda v, w, s, d, at: [] if len(v) >= w else [f"{at}: fewer than {w}"],
    "maxItems": lambda v, w, s, d, at: [] if len(v) <= w else [f"{at}: more than {w}"],
    "const": lambda v, w, s, d, at: [] if v == w else [f"{at}: {v!r} is not {w!r}"],
    "pattern": lambda v, w, s, d, at: [] if re.search(w, v) else [f"{at}: {v!r} is not {w}"],
    "minimum": lambda v, w, s, d, at: [] if v >= w else [f"{at}: {v} < {w}"],
    "maximum": lambda v, w, s, d, at: [] if v <= w else [f"{at}: {v} > {w}"],
    "minLength": lambda v, w, s, d, at: [] if len(v) >= w else [f"{at}: is too short"],
    "maxLength": lambda v, w, s, d, at: [] if len(v) <= w else [f"{at}: is too long"],
}
