"""What the commands inside the machine (systemctl, journalctl, ...) ask of the init: one line of JSON each way, on a unix socket."""

from __future__ import annotations

import os
import socket

from . import enabling, facts, unitfile
from .channel import Channel, accept_on

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from .manager import Manager

SOCKET = "/run/systemd/init"
_REQUEST_LIMIT = 1 << 20


class Bus:
    """Serves the init's socket."""

    def __init__(self, manager: Manager, shut_down: Callable[[bool], None]) -> None:
        self.manager, self.shut_down = manager, shut_down
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        listener.bind(SOCKET)
        os.chmod(SOCKET, 0o600)
        listener.listen(64)
        accept_on(manager.loop, listener, self._taken)

    def _taken(self, connection: socket.socket) -> None:
        Request(self, connection)


class Request:
    """One request of one command."""

    def __init__(self, bus: Bus, connection: socket.socket) -> None:
        self._bus, self._manager = bus, bus.manager
        self._line = bytearray()
        self._answered = False
        self._unfollow: Callable[[], None] | None = None
        self._channel = Channel(bus.manager.loop, connection, self._received, self._closed)

    def _closed(self) -> None:
        if self._unfollow is not None:
            self._unfollow()
            self._unfollow = None

    def _received(self, data: bytes) -> None:
        import json

        self._line += data
        if b"\n" not in self._line:
            if len(self._line) > _REQUEST_LIMIT:
                self._channel.close()
            return
        line, _, _ = self._line.partition(b"\n")
        self._line.clear()
        try:
            request = json.loads(line)
            self._handle(request.get("do", ""), request)
        except unitfile.UnitError as error:
            self._answer({"error": str(error)})
        except (ValueError, KeyError, TypeError, AttributeError, OSError) as error:
            self._answer({"error": f"bad request: {error!r}"})

    def _answer(self, answer: object) -> None:
        if self._answered:
            return
        self._answered = True
        import json

        self._channel.send(json.dumps(answer).encode() + b"\n")
        self._channel.finish()

    def _handle(self, do: str, request: dict[str, object]) -> None:
        names = [unitfile.unit_name(str(name)) for name in _list(request.get("units", []))]
        handler = getattr(self, f"do_{do.replace('-', '_')}", None)
        if handler is None:
            self._answer({"error": f"unknown request {do!r}"})
        else:
            handler(names, request)

    # One method for each request; `names` are those of units.

    def do_start(self, names: list[str], request: dict[str, object]) -> None:
        """Start units."""
        self._start(names, request)

    def do_restart(self, names: list[str], request: dict[str, object]) -> None:
        """Stop units, then start them."""
        for name in names:
            self._manager.unit(name)
        if request.get("no_block"):
            self._answer({})
        self._manager.stop(names, lambda: self._start(names, request))

    def do_stop(self, names: list[str], request: dict[str, object]) -> None:
        """Stop units."""
        if request.get("no_block"):
            self._answer({})
        self._manager.stop(names, lambda: self._answer({}))

    def do_try_restart(self, names: list[str], request: dict[str, object]) -> None:
        """Restart those that run."""
        self.do_restart([name for name in names if self._manager.unit(name).active == "active"], request)

    def do_reload(self, names: list[str], _: dict[str, object]) -> None:
        """Have services read their configuration again."""
        left, failures = [self._manager.unit(name) for name in names], list[str]()

        def reloaded(failure: str) -> None:
            if failure:
                failures.append(failure)
            if left:
                left.pop(0).reload(reloaded)
            else:
                self._answer({"error": "\n".join(failures)} if failures else {})

        reloaded("")

    def do_reload_or_restart(self, names: list[str], request: dict[str, object]) -> None:
        """Have services read their configuration again, and start those again that cannot, or do not run."""
        units = [self._manager.unit(name) for name in names]
        if all(unit.reloads and unit.active == "active" for unit in units):
            self.do_reload(names, request)
        else:
            self.do_restart(names, request)

    def do_try_reload_or_restart(self, names: list[str], request: dict[str, object]) -> None:
        """Do so with those that run."""
        running = [name for name in names if self._manager.unit(name).active == "active"]
        self.do_reload_or_restart(running, request) if running else self._answer({})

    def do_enable(self, names: list[str], _: dict[str, object]) -> None:
        """Enable units."""
        lines = [line for name in names for line in enabling.enable(name)]
        self._manager.reload()
        self._answer({"lines": lines})

    def do_disable(self, names: list[str], _: dict[str, object]) -> None:
        """Disable units."""
        lines = [line for name in names for line in enabling.disable(name)]
        self._manager.reload()
        self._answer({"lines": lines})

    def do_daemon_reload(self, _names: list[str], _: dict[str, object]) -> None:
        """Read all unit files again."""
        self._manager.reload()
        self._answer({})

    def do_reset_failed(self, names: list[str], _: dict[str, object]) -> None:
        """Forget failures."""
        for service in [self._manager.unit(name) for name in names] or list(self._manager.units.values()):
            service.reset()
        self._answer({})

    def do_kill(self, names: list[str], request: dict[str, object]) -> None:
        """Send a signal to all processes of units."""
        from .process import send

        for name in names:
            unit = self._manager.unit(name)
            whom = {"main": {unit.main_pid}, "control": {unit.control_pid}}.get(str(request.get("whom")))
            send((unit.pids() if whom is None else whom) - {0}, int(str(request.get("signal", 15))))
        self._answer({})

    def do_wait(self, names: list[str], _: dict[str, object]) -> None:
        """Tell the properties of a unit when its run is over."""
        self._manager.unit(names[0]).when_over(lambda: self._answer({"units": [self._facts(names[0])]}))

    def do_environment(self, _names: list[str], request: dict[str, object]) -> None:
        """Set and remove variables that all units are given; tell those that there are."""
        given = self._manager.given
        for name in _list(request.get("unset", [])):
            given.pop(str(name).partition("=")[0], None)
        for assignment in _list(request.get("set", [])):
            name, _, value = str(assignment).partition("=")
            given[name] = value
        self._answer({"environment": given})

    def do_show(self, names: list[str], _: dict[str, object]) -> None:
        """Tell the properties of units."""
        self._answer({"units": [self._facts(name) for name in names]})

    def do_state(self, _names: list[str], request: dict[str, object]) -> None:
        """Tell the state of the whole machine; with `wait`, not before it has booted."""
        if request.get("wait"):
            self._manager.when_booted(lambda: self._answer({"state": self._manager.state()}))
        else:
            self._answer({"state": self._manager.state()})

    def do_list(self, _names: list[str], _: dict[str, object]) -> None:
        """Tell the properties of all loaded units."""
        self._answer(
            {
                "units": [facts.of(service) for service in self._manager.units.values()],
                "boot": self._manager.boot,
            }
        )

    def do_follow(self, _names: list[str], _: dict[str, object]) -> None:
        """Pass on new entries of the journal until the other side leaves; an empty line says from when on."""
        self._unfollow = self._manager.journal.follow(self._channel.send)
        self._channel.send(b"\n")

    def do_poweroff(self, _names: list[str], _: dict[str, object]) -> None:
        """Shut the machine down."""
        self._answer({})
        self._bus.shut_down(False)

    def do_reboot(self, _names: list[str], _: dict[str, object]) -> None:
        """Shut the machine down and boot it again."""
        self._answer({})
        self._bus.shut_down(True)

    def _start(self, names: list[str], request: dict[str, object]) -> None:
        self._manager.start(names, (lambda _: None) if request.get("no_block") else self._started)
        if request.get("no_block"):
            self._answer({})

    def _started(self, failures: dict[str, str]) -> None:
        self._answer({"failures": failures} if failures else {})

    def do_run(self, _names: list[str], request: dict[str, object]) -> None:
        """Make a transient unit (systemd-run) and start it."""
        name = unitfile.unit_name(str(request["unit"]))
        if name in self._manager.units and self._manager.units[name].active not in {"inactive", "failed"}:
            self._answer({"error": f"Unit {name} was already loaded or has a fragment file."})
            return
        folder = "/run/systemd/transient"
        os.makedirs(folder, exist_ok=True)
        files = {name: str(request["text"])}
        timer = request.get("timer")
        if timer:
            files[f"{name.removesuffix('.service')}.timer"] = str(timer)
        for unit, text in files.items():
            with open(f"{folder}/{unit}", "w", encoding="utf-8") as file:
                file.write(text)
            self._manager.units.pop(unit, None)
        self._start([list(files)[-1]], request)

    def _facts(self, name: str) -> dict[str, object]:
        try:
            return facts.of(self._manager.unit(name), enabled=enabling.enabled(name))
        except unitfile.UnitError as error:
            return facts.unknown(name, masked=str(error).endswith("is masked."))


def _list(value: object) -> list[object]:
    return value if isinstance(value, list) else []
