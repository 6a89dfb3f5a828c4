"""List filters of Compute: AIP-160 (``name = web AND labels.env:*``) or the older ``name eq "web-.*"``, not mixed."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from fnmatch import translate
from typing import TYPE_CHECKING, Any

from localcloud.api import errors

if TYPE_CHECKING:
    from localcloud.discovery.json_value import JsonValue

Match = Callable[[Mapping[str, Any]], bool]
_WORD = re.compile(
    r'\s*(\(|\)|!=|<=|>=|=|<|>|:|"(?:[^"\\]|\\.)*"|\'(?:[^\'\\]|\\.)*\'|-(?=\()|[^\s()=!<>:"\']+)'
)
_COMPARISONS = frozenset({"=", "!=", "<", ">", "<=", ">=", ":", "eq", "ne"})
_LONGEST = 4096


def compile_filter(text: str, spelled: Callable[[str], str] = str) -> Match:
    """Return what tells whether a document passes; refuses text that is no filter. `spelled` turns its fields into documents'."""
    if len(text) > _LONGEST:
        raise _malformed(text[:100] + "...")
    return _Parser(text, spelled).parse()


def _malformed(text: str) -> errors.ApiError:
    return errors.invalid("filter", text, "Invalid list filter expression.")


class _Parser:
    def __init__(self, text: str, spelled: Callable[[str], str]) -> None:
        self._text, self._spelled = text, spelled
        self._words: list[str] = []
        at = 0
        stripped = text.rstrip()
        while at < len(stripped):
            found = _WORD.match(stripped, at)
            if found is None:
                raise _malformed(text)
            self._words.append(found.group(1))
            at = found.end()
        self._at = 0
        self._depth = 0

    def parse(self) -> Match:
        if not self._words:
            return lambda _document: True
        result = self._alternatives()
        if self._at != len(self._words):
            raise _malformed(self._text)
        return result

    def _peek(self) -> str:
        return self._words[self._at] if self._at < len(self._words) else ""

    def _next(self) -> str:
        word = self._peek()
        if not word:
            raise _malformed(self._text)
        self._at += 1
        return word

    def _alternatives(self) -> Match:
        choices = [self._all()]
        while self._peek() == "OR":
            self._next()
            choices.append(self._all())
        return (
            choices[0] if len(choices) == 1 else lambda document: any(choice(document) for choice in choices)
        )

    def _all(self) -> Match:
        terms = [self._term()]
        while self._peek() not in {"", ")", "OR"}:
            if self._peek() == "AND":
                self._next()
            terms.append(self._term())
        return terms[0] if len(terms) == 1 else lambda document: all(term(document) for term in terms)

    def _term(self) -> Match:
        word = self._next()
        if word in {"NOT", "-"}:
            inner = self._term()
            return lambda document: not inner(document)
        if word == "(":
            self._depth += 1
            if self._depth > 20:
                raise _malformed(self._text)
            inner = self._alternatives()
            if self._next() != ")":
                raise _malformed(self._text)
            self._depth -= 1
            return inner
        if word in _COMPARISONS or word == ")":
            raise _malformed(self._text)
        operator = self._next()
        if operator not in _COMPARISONS:
            raise _malformed(self._text)
        if self._peek() == "(" and operator in {"=", ":"}:
            raise _malformed(self._text)
        return self._comparison(word, operator, self._value())

    def _value(self) -> str:
        word = self._next()
        if word in _COMPARISONS or word in {"(", ")"}:
            raise _malformed(self._text)
        parts = [_unquoted(word)]
        if word[0] not in "\"'":
            while self._peek() == ":":  # a link's colon: https://...
                self._next()
                parts.append(self._next())
        return ":".join(parts)

    def _comparison(self, field: str, operator: str, value: str) -> Match:
        path = self._spelled(field).split(".")
        if operator in {"eq", "ne"}:
            return self._regular(path, operator, value)
        if operator == ":":
            return _has(path, value)
        equals = _equals(value)
        if operator == "=":
            return lambda document: any(equals(found) for found in _at(document, path))
        if operator == "!=":
            return lambda document: not any(equals(found) for found in _at(document, path))
        return _ordered(path, operator, value)

    def _regular(self, path: list[str], operator: str, value: str) -> Match:
        try:
            pattern = re.compile(value)
        except re.error as error:
            raise _malformed(self._text) from error
        wanted = operator == "eq"

        def matches(document: Mapping[str, Any]) -> bool:
            texts = [_text(found) for found in _at(document, path)]
            return any(pattern.fullmatch(text) is not None for text in texts) is wanted

        return matches


def _unquoted(word: str) -> str:
    if word[0] in "\"'":
        return re.sub(r"\\(.)", r"\1", word[1:-1])
    return word


def _text(value: JsonValue) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def _at(node: JsonValue, path: list[str]) -> list[JsonValue]:
    """Return every value at a path; lists stand for each of their members."""
    if isinstance(node, list):
        return [found for member in node for found in _at(member, path)]
    if not path:
        return [node]
    if not isinstance(node, Mapping) or path[0] not in node:
        return []
    return _at(node[path[0]], path[1:])


def _equals(value: str) -> Callable[[Any], bool]:
    """Equality as Google's: numbers as numbers, ``*`` as a wildcard, text without regard to case."""
    if "*" in value:
        pattern = re.compile(translate(value.replace("[", "[[]").replace("?", "[?]")), re.IGNORECASE)
        return lambda found: pattern.match(_text(found)) is not None
    lowered = value.lower()

    def equal(found: JsonValue) -> bool:
        text = _text(found)
        if text.lower() == lowered:
            return True
        try:
            return float(text) == float(value)
        except ValueError:
            return False

    return equal


def _has(path: list[str], value: str) -> Match:
    if value == "*":
        return lambda document: bool(_at(document, path))
    lowered = value.lower().replace("*", "")

    def matches(document: Mapping[str, Any]) -> bool:
        for found in _at(document, path):
            if isinstance(found, Mapping):
                if value in found:
                    return True
            elif lowered in _text(found).lower():
                return True
        return False

    return matches


def _ordered(path: list[str], operator: str, value: str) -> Match:
    def compare(found: JsonValue) -> bool:
        left: Any = _text(found)
        right: Any = value
        with suppress(ValueError):
            left, right = float(left), float(right)
        if operator == "<":
            return bool(left < right)
        if operator == ">":
            return bool(left > right)
        if operator == "<=":
            return bool(left <= right)
        return bool(left >= right)

    return lambda document: any(compare(found) for found in _at(document, path))
