"""What a resource type's properties are: the field data of `data/fields.json` as a tree.

The data says for each property its kind and what follows from it, in words:

    string integer number boolean asset   a value             map    strings by key
    list (of=KIND)                        values              single a list of at most one, that programs see as the value
    block                                 an object           blocks a list of objects
    required                              must be given       replaces  a change makes a new resource
    computed                              the API may fill it in when it is not given
    set                                   order means nothing
    secret                                kept secret in the state
    same=RULE                             which differing texts mean the same thing (see `equality.py`)
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files

from localcloud.provider.values import Value


@dataclass(frozen=True)
class Field:
    """One property of a resource or of an object in it."""

    kind: str
    required: bool = False
    replaces: bool = False
    computed: bool = False
    unordered: bool = False
    secret: bool = False
    output: bool = False
    same: str = ""
    element: str = "string"
    default: Value = None
    fields: Mapping[str, Field] = field(default_factory=dict)

    @property
    def absent(self) -> Value:
        """What the state holds when neither the program nor the API says anything: no objects, or nothing."""
        return [] if self.kind == "blocks" else None

    @property
    def zero(self) -> Value:
        """What reading a missing value gives, by Google's rule that a missing value is the zero of its type."""
        return {
            "string": "",
            "integer": 0,
            "number": 0,
            "boolean": False,
            "map": {},
            "list": [],
            "blocks": [],
        }.get(self.kind)


@dataclass(frozen=True)
class Schema:
    """All properties of one resource type; `inputs` are those a program may set."""

    type: str
    fields: Mapping[str, Field]

    @property
    def inputs(self) -> dict[str, Field]:
        """The properties a program may set."""
        return {name: item for name, item in self.fields.items() if not item.output}


@cache
def _data() -> dict[str, Value]:
    text = files("localcloud.provider").joinpath("data/fields.json").read_text(encoding="utf-8")
    data: dict[str, Value] = json.loads(text)
    return data


@cache
def load_schema(resource_type: str) -> Schema:
    """Return the schema of a type of which the data has fields; KeyError otherwise."""
    node = _data()[resource_type]
    fields = {name: _field(item, output=False) for name, item in node["inputs"].items()}
    fields.update({name: _field(item, output=True) for name, item in node["outputs"].items()})
    return Schema(resource_type, fields)


def _field(node: Value, *, output: bool) -> Field:
    text = node if isinstance(node, str) else node[""]
    kind, *words = text.split()
    marks = {word for word in words if "=" not in word}
    settings = dict(word.split("=", 1) for word in words if "=" in word)
    inner = {} if isinstance(node, str) else node.get("of", {})
    return Field(
        kind=kind,
        required="required" in marks,
        replaces="replaces" in marks,
        computed="computed" in marks or output,
        unordered="set" in marks,
        secret="secret" in marks,
        output=output,
        same=settings.get("same", ""),
        element=settings.get("of", "string"),
        default=None if isinstance(node, str) else node.get("default"),
        fields={name: _field(item, output=output) for name, item in inner.items()},
    )
