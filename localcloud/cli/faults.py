"""`localcloud fault`: what goes wrong on purpose, for how long, and what does now."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from localcloud.cli import render
from localcloud.cli.client import Client, CloudError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable

    from localcloud.home import Home

    Command = Callable[[Home, argparse.Namespace], int]

_PARTIES = "an instance, all, zone:ZONE, client, prober, prober:autohealing, prober:balancer, metadata, or an IPv4 range"


def add_parser(verbs: Any) -> None:  # noqa: ANN401 - argparse has no public name for it
    """Add the command to the parser of `localcloud`."""
    text = "lose, hold or cut off packets, slow a service down, take a zone out"
    fault = verbs.add_parser("fault", help=text, description=text)
    actions = fault.add_subparsers(dest="action", required=True, metavar="ACTION")

    def action(parsers: Any, name: str, run: Command, words: str) -> argparse.ArgumentParser:  # noqa: ANN401 - as above
        parser: argparse.ArgumentParser = parsers.add_parser(name, help=words, description=words)
        parser.set_defaults(run=run)
        parser.add_argument("--json", action="store_true", help="print JSON for programs")
        return parser

    kinds = actions.add_parser("add", help="begin a fault", description="begin a fault").add_subparsers(
        dest="kind", required=True, metavar="KIND"
    )

    def kind(name: str, words: str) -> argparse.ArgumentParser:
        parser = action(kinds, name, add, words)
        parser.add_argument(
            "--seconds",
            type=float,
            metavar="N",
            help="for how long, in cloud seconds; until it is cleared unless said",
        )
        return parser

    def parties(parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--between", required=True, metavar="PARTY", help=_PARTIES)
        parser.add_argument(
            "--and",
            required=True,
            dest="other",
            metavar="PARTY",
            help="likewise; one of the two has instances",
        )

    def seed(parser: argparse.ArgumentParser) -> None:
        parser.add_argument(
            "--seed", type=int, metavar="N", help="the same seed does the same again (0 unless said)"
        )

    def held(parser: argparse.ArgumentParser) -> None:
        parser.add_argument(
            "--milliseconds",
            type=float,
            required=True,
            metavar="N",
            help="how much later, by the cloud's clock",
        )

    loss = kind("loss", "lose a share of the packets between two parties")
    parties(loss)
    loss.add_argument(
        "--share", type=float, required=True, metavar="P", help="of the packets, above 0 and at most 1"
    )
    loss.add_argument(
        "--burst", type=float, metavar="N", help="how many in a row, on average (1 unless said)"
    )
    seed(loss)
    parties(kind("partition", "let nothing pass between two parties"))
    delay = kind("delay", "hold every packet between two parties, each way")
    parties(delay)
    held(delay)
    delay.add_argument("--jitter", type=float, metavar="N", help="give or take so many milliseconds")
    seed(delay)
    slow = kind("slow", "have a service accept at once and answer late")
    slow.add_argument("--instance", required=True, metavar="INSTANCE", help="an instance, all, or zone:ZONE")
    slow.add_argument("--port", type=int, metavar="PORT", help="its TCP port (any unless said)")
    held(slow)
    zone = kind("zone-outage", "let a zone's instances die, and nothing be created there")
    zone.add_argument("--zone", required=True, metavar="ZONE", help="a zone of the groups")
    action(actions, "list", show, "list the faults there are")
    clear_parser = action(actions, "clear", clear, "end a fault, or all")
    clear_parser.add_argument("name", nargs="?", metavar="NAME")
    clear_parser.add_argument("--all", action="store_true", help="end all of them")


def add(home: Home, given: argparse.Namespace) -> int:
    """Begin a fault; returns when it is in force."""
    fault = Client.connect(home).call("POST", "/faults", _body(given))
    if fault["problem"]:
        Client.connect(home).call("DELETE", f"/faults/{fault['name']}")
        raise CloudError(fault["problem"])
    _show(given, fault, render.faults([fault]))
    return 0


def show(home: Home, given: argparse.Namespace) -> int:
    """List the faults."""
    found = Client.connect(home).call("GET", "/faults")
    _show(given, found, render.faults(found))
    return 0


def clear(home: Home, given: argparse.Namespace) -> int:
    """End one fault or all."""
    if bool(given.name) == given.all:
        msg = "name the fault to be cleared (localcloud fault list), or give --all"
        raise CloudError(msg)
    done = Client.connect(home).call("DELETE", "/faults" if given.all else f"/faults/{given.name}")
    _show(given, done, "cleared: " + (", ".join(done["cleared"]) or "nothing was there"))
    return 0


def _body(given: argparse.Namespace) -> dict[str, Any]:
    body: dict[str, Any] = {"kind": given.kind}
    if hasattr(given, "between"):
        body["between"] = [given.between, given.other]
    for name in ("seconds", "share", "burst", "seed", "instance", "port", "zone"):
        if getattr(given, name, None) is not None:
            body[name] = getattr(given, name)
    if getattr(given, "milliseconds", None) is not None:
        body["delaySeconds"] = given.milliseconds / 1000
    if getattr(given, "jitter", None) is not None:
        body["jitterSeconds"] = given.jitter / 1000
    return body


def _show(given: argparse.Namespace, data: object, text: str) -> None:
    print(json.dumps(data) if given.json else text)
