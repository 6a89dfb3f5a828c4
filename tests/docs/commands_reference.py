"""The table of `localcloud`'s commands in docs/local-cloud.md, made from its argument parser."""

from __future__ import annotations

import argparse

from localcloud.cli.main import _parser
from tests.docs.fences import ROOT
from tests.docs.written_part import WrittenPart, table


def rows() -> list[tuple[str, str]]:
    """Return each command as it is typed and what it does, then each of its options likewise."""
    return _rows(_parser(), "")


def _rows(above: argparse.ArgumentParser, prefix: str) -> list[tuple[str, str]]:
    verbs = next(action for action in above._actions if isinstance(action, argparse._SubParsersAction))
    texts = {choice.dest: choice.help or "" for choice in verbs._choices_actions}
    found = []
    for verb, parser in verbs.choices.items():
        name = prefix + verb
        if any(isinstance(action, argparse._SubParsersAction) for action in parser._actions):
            found += _rows(parser, name + " ")
            continue
        given = [action for action in parser._actions if action.dest not in ("help", "json")]
        places = [_place(action) for action in given if not action.option_strings]
        required = [_option(action) for action in given if action.option_strings and action.required]
        found.append((" ".join(["localcloud", name, *places, *required]), texts[verb]))
        found += [
            (f"{name} {_option(action)}", action.help or "") for action in given if action.option_strings
        ]
    return found


def _place(action: argparse.Action) -> str:
    if action.nargs == "?":
        return f"[{action.metavar}]"
    return f"[-- {action.metavar}]" if action.nargs == "*" else str(action.metavar)


def _option(action: argparse.Action) -> str:
    """Return an option with its value, in its longest form."""
    name = max(action.option_strings, key=len)
    return name if action.nargs == 0 else f"{name} {action.metavar}"


PART = WrittenPart(ROOT / "docs/local-cloud.md", lambda: table(("command", "does"), rows()))
