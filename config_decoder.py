"""Turns plain configuration (what YAML holds) into typed values, strictly: unknown keys, wrong types and nulls are refused.

Other Pulumi languages hand the same over, with outputs of other resources where a field's type takes them.

The shape is the dataclass itself: its fields are the keys, their annotations the types, their defaults the defaults. A union of
dataclasses is told apart by its keys. A dataclass may explain keys it does not have (`refused`: key -> why, and what instead).

Text that is a number, or true or false, is taken for one where the field holds nothing else: `pulumi config set --path` writes 0.4 as text.
"""

from __future__ import annotations

import dataclasses
import difflib
import json
import re
import types
from collections.abc import Mapping
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

import pulumi

from components.invalid_argument import InvalidArgumentError, within

_WORDS = {str: "text", int: "a whole number", float: "a number", bool: "true or false"}
# How each is written as text, in JSON's grammar: no leading zeros or plus signs, no "yes", no infinity.
TEXT_FORMS = {
    int: r"-?(0|[1-9][0-9]*)",
    float: r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][-+]?[0-9]{1,2})?",
    bool: r"true|false",
}


def decode(annotation: Any, value: Any, path: str, base: Any = None) -> Any:  # noqa: ANN401 - what comes out is what the annotation says
    """Return `value` as the annotated type.

    Args:
        annotation: a dataclass, str, int, float, bool, Literal, tuple[X, ...], Mapping[str, X], or a union of these.
        value: what JSON or YAML holds; an Output where the annotation takes one.
        path: what to call the value in errors ("mig-nlb:group.zones").
        base: a dataclass value whose fields stand where `value` says nothing; or, by their keys, such values for sections of `value`.

    Raises:
        InvalidArgumentError: naming the path, the value, the rule and the fix.
    """
    if isinstance(value, pulumi.Output):
        return _decode_output(annotation, value, path)
    origin = get_origin(annotation)
    if dataclasses.is_dataclass(annotation):
        return _decode_dataclass(annotation, value, path, base)
    if parts_of(annotation) != (annotation,):
        return _decode_union(get_args(annotation), value, path, base)
    if origin is Literal:
        if value not in get_args(annotation) or isinstance(value, bool):
            raise InvalidArgumentError(
                path, value, "not a value this key has", f"use one of {', '.join(get_args(annotation))}"
            )
        return value
    if origin is tuple:
        if not isinstance(value, list):
            raise InvalidArgumentError(
                path, value, "not a list", "write [a, b], or one item per line after a dash"
            )
        return tuple(
            decode(get_args(annotation)[0], item, f"{path}[{index}]") for index, item in enumerate(value)
        )
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return _decode_mapping(get_args(annotation)[1], value, path)
    return _decode_scalar(annotation, _told_as_text(annotation, value), path)


def _told_as_text(annotation: Any, value: Any) -> Any:  # noqa: ANN401 - as decode
    """Return the number or truth that a text is, for a field that holds such; any other value as it is."""
    form = TEXT_FORMS.get(annotation)
    return json.loads(value) if form and isinstance(value, str) and re.fullmatch(form, value) else value


def _decode_output(annotation: Any, value: pulumi.Output[Any], path: str) -> pulumi.Output[Any]:  # noqa: ANN401 - as decode
    if any(get_origin(part) is pulumi.Output for part in parts_of(annotation)):
        return value
    raise InvalidArgumentError(
        path, "[output]", "it decides what is made, so it has to be known before anything is, and no secret",
        "give the value itself; keep a secret in Secret Manager and have the start-up script fetch it",
    )  # fmt: skip


def _decode_scalar(annotation: Any, value: Any, path: str) -> Any:  # noqa: ANN401 - as decode
    right = isinstance(value, annotation) and not (isinstance(value, bool) and annotation is not bool)
    if annotation is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if not right:
        raise InvalidArgumentError(
            path,
            value,
            f"not {_WORDS[annotation]}",
            f"write {_WORDS[annotation]}{_quoting(annotation, value)}",
        )
    return value


def _quoting(annotation: Any, value: Any) -> str:  # noqa: ANN401 - as decode
    if annotation is str and isinstance(value, int | float):
        return f' (in quotes: "{str(value).lower() if isinstance(value, bool) else value}")'
    return ""


def _decode_mapping(annotation: Any, value: Any, path: str) -> dict[str, Any]:  # noqa: ANN401 - as decode
    if not isinstance(value, dict):
        raise InvalidArgumentError(path, value, "not a set of keys", "write key: value, one per line")
    return {key: decode(annotation, item, f"{path}.{key}") for key, item in value.items()}


def _decode_union(choices: tuple[Any, ...], value: Any, path: str, base: Any) -> Any:  # noqa: ANN401 - as decode
    if value is None and type(None) in choices:
        return None
    choices = tuple(choice for choice in choices if plain(choice))  # of pulumi.Input[str], the str
    records = [choice for choice in choices if dataclasses.is_dataclass(choice)]
    if isinstance(value, dict) and len(records) > 1:
        return _decode_dataclass(_record_of_keys(records, value, path), value, path, None)
    if isinstance(value, dict) and records:
        return _decode_dataclass(records[0], value, path, base)
    others = [choice for choice in choices if not dataclasses.is_dataclass(choice)]
    failures = []
    for choice in others:
        if isinstance(value, str) and choice in TEXT_FORMS and str in others:
            continue  # where text is a choice, text is text
        try:
            return decode(choice, value, path)
        except InvalidArgumentError as failure:
            failures.append(failure)
    if len(failures) == 1 and not records:
        raise failures[0]
    words = [_WORDS.get(choice, "one of the listed values") for choice in others] + [
        "a set of keys" for _ in records[:1]
    ]
    raise InvalidArgumentError(
        path,
        value,
        f"neither {' nor '.join(words)}" if len(words) > 1 else f"not {words[0]}",
        f"write {' or '.join(words)}",
    )


def plain(annotation: Any) -> bool:  # noqa: ANN401 - as decode
    """Whether configuration can hold such a value: no None (handled before), no Output, no Awaitable."""
    return (
        annotation in _WORDS
        or dataclasses.is_dataclass(annotation)
        or get_origin(annotation) in (Literal, tuple, Mapping)
    )


def _record_of_keys(records: list[Any], value: Mapping[str, Any], path: str) -> Any:  # noqa: ANN401 - a dataclass, which has no type of its own
    """Return the one dataclass that has all the keys."""
    for record in records:
        fields = dataclasses.fields(record)
        needed = {field.name for field in fields if required(field)}
        if needed <= set(value) <= {field.name for field in fields}:
            return record
    shapes = [f"{{{', '.join(field.name for field in dataclasses.fields(record))}}}" for record in records]
    raise InvalidArgumentError(
        path,
        ", ".join(value),
        f"these keys belong to no one of {' or '.join(shapes)}",
        "keep the keys of one of them",
    )


def _decode_dataclass(record: Any, value: Any, path: str, base: Any) -> Any:  # noqa: ANN401 - as decode
    if not isinstance(value, dict):
        raise InvalidArgumentError(
            path, value, "not a set of keys", "write key: value, one per line, further in"
        )
    fields = {field.name: field for field in dataclasses.fields(record)}
    refused: Mapping[str, str] = getattr(record, "refused", {})
    for key in value:
        if key in refused:
            raise InvalidArgumentError(f"{path}.{key}", value[key], "refused", refused[key])
        if key not in fields:
            raise unknown_key(f"{path}.{key}", value[key], key, list(fields))
    hints = hints_of(record)
    sections = base if isinstance(base, Mapping) else {}
    base = None if isinstance(base, Mapping) else base
    given = {
        key: decode(hints[key], item, f"{path}.{key}", sections.get(key, _section_default(fields[key])))
        for key, item in value.items()
    }
    missing = [
        name for name, field in fields.items() if required(field) and name not in given and base is None
    ]
    if missing:
        raise InvalidArgumentError(path, value, f"{', '.join(missing)} missing", f"add {', '.join(missing)}")
    with within(path):
        return dataclasses.replace(base, **given) if base is not None else record(**given)


def unknown_key(path: str, value: object, key: str, known: list[str]) -> InvalidArgumentError:
    """Return the refusal of a key that nobody reads, with the likeliest meant one."""
    near = difflib.get_close_matches(key, known, n=1)
    hint = f"did you mean {near[0]}? The keys are" if near else "the keys are"
    return InvalidArgumentError(
        path, value, "an unknown key, which nothing would read", f"{hint} {', '.join(sorted(known))}"
    )


def _section_default(field: dataclasses.Field[Any]) -> Any:  # noqa: ANN401 - as decode
    """Return the section whose fields stand where a value for this field says nothing, if it has one of its own."""
    return field.default if dataclasses.is_dataclass(field.default) else None


def required(field: dataclasses.Field[Any]) -> bool:
    """Whether a field has no default."""
    return field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING


def parts_of(annotation: Any) -> tuple[Any, ...]:  # noqa: ANN401 - an annotation
    """Return what a union is of, or the annotation alone."""
    return get_args(annotation) if get_origin(annotation) in (Union, types.UnionType) else (annotation,)


def hints_of(record: Any) -> dict[str, Any]:  # noqa: ANN401 - a dataclass, which has no type of its own
    """Return the resolved annotations of a dataclass's fields."""
    # pulumi.Input holds "Output[T]" as text, as if everyone had imported the names.
    hints = get_type_hints(record, localns={"Output": pulumi.Output, "T": Any})
    return {field.name: hints[field.name] for field in dataclasses.fields(record)}
