"""Diff: what differs between a resource's state and its new inputs, and whether that takes a new resource."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from localcloud.provider.equality import is_empty, same_text
from localcloud.provider.plan import plan
from localcloud.provider.schema import Field
from localcloud.provider.values import UNKNOWN, Asset, Properties, Value

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

Kind = Literal["ADD", "DELETE", "UPDATE"]


@dataclass(frozen=True)
class Change:
    """One difference: where (``versions[0].instanceTemplate``), of which kind, and if it needs a replacement."""

    path: str
    kind: Kind
    replaces: bool

    @property
    def top(self) -> str:
        """The resource's own property in which the difference is."""
        return self.path.split(".")[0].split("[")[0]


def diff(
    fields: Mapping[str, Field], state: Properties, news: Properties, ignored: tuple[str, ...] = ()
) -> list[Change]:
    """Compare the state with what the new inputs ask for, in the order of paths; `ignored` are paths left out."""
    planned = plan(fields, news, state)
    changes: list[Change] = []
    for name, item in fields.items():
        if not item.output:
            changes += _compare(item, state.get(name), planned.get(name), name, replaces=False)
    return sorted(
        (change for change in changes if not _under(change.path, ignored)), key=lambda change: change.path
    )


def _under(path: str, ignored: tuple[str, ...]) -> bool:
    return any(path == top or path.startswith((f"{top}.", f"{top}[")) for top in ignored)


def unchanged(planned: Properties, state: Properties, ignored: Iterable[str]) -> Properties:
    """Return the plan with whole properties that are to be left alone as the state has them.

    Without this an update of something else would set them to what the program had once said.
    """
    return planned | {name: state.get(name) for name in ignored if name in planned}


def same(item: Field, old: Value, new: Value) -> bool:
    """Tell whether two values of a property mean the same."""
    return not list(_compare(item, old, new, "", replaces=False))


def _compare(item: Field, old: Value, new: Value, path: str, *, replaces: bool) -> Iterator[Change]:
    replaces = replaces or item.replaces
    if new is UNKNOWN or old is UNKNOWN:
        if new is not old:
            yield Change(path, "UPDATE", replaces)
        return
    if item.kind == "block":
        yield from _compare_block(item, old, new, path, replaces=replaces)
    elif item.kind in ("blocks", "list"):
        yield from _compare_list(item, old or [], new or [], path, replaces=replaces)
    elif item.kind == "map":
        yield from _compare_map(old or {}, new or {}, path, replaces=replaces)
    elif not _equal(item, old, new):
        yield Change(path, "ADD" if old is None else "DELETE" if new is None else "UPDATE", replaces)


def _equal(item: Field, old: Value, new: Value) -> bool:
    if is_empty(old) and is_empty(new):
        return True
    if isinstance(old, Asset) or isinstance(new, Asset):
        return isinstance(old, Asset) and isinstance(new, Asset) and old.hash == new.hash
    if item.kind in ("integer", "number"):
        return float(old or 0) == float(new or 0)
    if item.kind == "boolean":
        return str(bool(old) and old != "false") == str(bool(new) and new != "false")
    return same_text(item.same, _text(old), _text(new))


def _text(value: Value) -> str:
    return "" if value is None else str(value).lower() if isinstance(value, bool) else str(value)


def _compare_block(item: Field, old: Value, new: Value, path: str, *, replaces: bool) -> Iterator[Change]:
    if not isinstance(old, dict) and not isinstance(new, dict):
        return
    if not isinstance(old, dict):
        yield Change(path, "ADD", replaces)
        return
    if not isinstance(new, dict):
        yield Change(path, "DELETE", replaces)
        return
    for name, inner in item.fields.items():
        yield from _compare(inner, old.get(name), new.get(name), f"{path}.{name}", replaces=replaces)


def _compare_map(old: Properties, new: Properties, path: str, *, replaces: bool) -> Iterator[Change]:
    for key in sorted(set(old) | set(new)):
        where = (
            f"{path}.{key}"
            if key.replace("_", "").replace("-", "").isalnum() and "-" not in key
            else f'{path}["{key}"]'
        )
        if key not in old:
            yield Change(where, "ADD", replaces)
        elif key not in new:
            yield Change(where, "DELETE", replaces)
        elif new[key] is UNKNOWN or _text(old[key]) != _text(new[key]):
            yield Change(where, "UPDATE", replaces)


def _compare_list(
    item: Field, old: list[Value], new: list[Value], path: str, *, replaces: bool
) -> Iterator[Change]:
    if item.unordered:
        old_left, new_left = _unmatched(item, old, new)
    else:
        old_left, new_left = list(enumerate(old)), list(enumerate(new))
    for (_, before), (index, after) in zip(old_left, new_left, strict=False):
        yield from _compare_element(item, before, after, f"{path}[{index}]", replaces=replaces)
    for index, _ in old_left[len(new_left) :]:
        yield Change(f"{path}[{index}]", "DELETE", replaces)
    for index, _ in new_left[len(old_left) :]:
        yield Change(f"{path}[{index}]", "ADD", replaces)


def _unmatched(
    item: Field, old: list[Value], new: list[Value]
) -> tuple[list[tuple[int, Value]], list[tuple[int, Value]]]:
    """Pair equal elements of two sets, whatever their order; return what is left of each, with indices."""
    old_left = list(enumerate(old))
    new_left = []
    for index, element in enumerate(new):
        for at, (_, before) in enumerate(old_left):
            if not list(_compare_element(item, before, element, "", replaces=False)):
                del old_left[at]
                break
        else:
            new_left.append((index, element))
    return old_left, new_left


def _compare_element(item: Field, old: Value, new: Value, path: str, *, replaces: bool) -> Iterator[Change]:
    if item.kind == "blocks":
        yield from _compare_block(item, old, new, path, replaces=replaces)
    elif new is UNKNOWN or not _equal(Field(item.element, same=item.same), old, new):
        yield Change(path, "UPDATE", replaces)
