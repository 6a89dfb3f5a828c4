"""What the commands inside the machine (systemctl, journalctl, ...) ask of the init: one line of JSON each way, on a unix socket."""

from __future__ import annotations

import os
import socket
import time

from . import unitfile
from .channel import Channel, accept_on

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from .manager import Manager
    from .service import Service

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
        accept_on(manager.loop, listener, lambda connection: Request(self, connection) and None)


class Request:
    """One request of one command."""

    def __init__(self, bus: Bus, connection: socket.socket) -> None:
        self._bus, self._manager = bus, bus.manager
        self._line = bytearray()
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
        import json

        self._channel.send(json.dumps(answer).encode() + b"\n")
        self._channel.finish()

    def _handle(self, do: str, request: dict[str, object]) -> None:
        names = [unitfile.unit_name(str(name)) for name in _list(request.get("units", []))]
        manager = self._manager
        if do in {"start", "restart"}:
            for name in names:
                manager.unit(name)
            if do == "start":
                self._start(names, request)
            else:
                manager.stop(names, lambda: self._start(names, request))
        elif do == "stop":
            manager.stop(names, lambda: self._answer({}))
        elif do == "reload":
            manager.unit(names[0]).reload(lambda failure: self._answer({"error": failure} if failure else {}))
        elif do == "enable":
            lines = [line for name in names for line in manager.enable(name)]
            manager.reload()
            self._answer({"lines": lines})
        elif do == "disable":
            lines = [line for name in names for line in manager.disable(name)]
            manager.reload()
            self._answer({"lines": lines})
        elif do == "daemon-reload":
            manager.reload()
            self._answer({})
        elif do == "reset-failed":
            for service in [manager.unit(name) for name in names] or list(manager.units.values()):
                service.reset()
            self._answer({})
        elif do == "kill":
            from .process import send

            for name in names:
                send(manager.unit(name).pids(), int(str(request.get("signal", 15))))
            self._answer({})
        elif do == "run":
            self._run(request)
        elif do == "show":
            self._answer({"units": [self._facts(name) for name in names]})
        elif do == "list":
            self._answer({"units": [_facts(service) for service in manager.units.values()], "boot": manager.boot})
        elif do == "follow":
            self._unfollow = manager.journal.follow(self._channel.send)
        elif do in {"poweroff", "reboot"}:
            self._answer({})
            self._bus.shut_down(do == "reboot")
        else:
            self._answer({"error": f"unknown request {do!r}"})

    def _start(self, names: list[str], request: dict[str, object]) -> None:
        self._manager.start(names, (lambda _: None) if request.get("no_block") else self._started)
        if request.get("no_block"):
            self._answer({})

    def _started(self, failures: dict[str, str]) -> None:
        self._answer({"failures": failures} if failures else {})

    def _run(self, request: dict[str, object]) -> None:
        """Make a transient unit (systemd-run) and start it."""
        name = unitfile.unit_name(str(request["unit"]))
        if name in self._manager.units and self._manager.units[name].active not in {"inactive", "failed"}:
            self._answer({"error": f"Unit {name} was already loaded or has a fragment file."})
            return
        folder = "/run/systemd/transient"
        os.makedirs(folder, exist_ok=True)
        with open(f"{folder}/{name}", "w", encoding="utf-8") as file:
            file.write(str(request["text"]))
        self._manager.units.pop(name, None)
        self._start([name], request)

    def _facts(self, name: str) -> dict[str, object]:
        try:
            return _facts(self._manager.unit(name), enabled=self._manager.enabled(name))
        except unitfile.UnitError as error:
            masked = str(error).endswith("is masked.")
            return {"Id": name, "LoadState": "masked" if masked else "not-found", "ActiveState": "inactive", "SubState": "dead",
                    "Description": name, "UnitFileState": "masked" if masked else ""}  # fmt: skip


def _facts(service: Service, *, enabled: str = "") -> dict[str, object]:
    """Return a unit's properties under systemd's names."""
    status = service.main_status
    return {
        "Id": service.name,
        "Description": service.file.description,
        "LoadState": "loaded",
        "ActiveState": service.active,
        "SubState": service.sub,
        "Result": service.result,
        "MainPID": service.main_pid,
        "ExecMainStatus": os.waitstatus_to_exitcode(status) if status is not None else 0,
        "NRestarts": service.restarts,
        "FragmentPath": service.file.path,
        "UnitFileState": enabled,
        "InvocationID": service.invocation,
        "Type": service.kind,
        "Restart": service.file.get("Service", "Restart", "no"),
        "StateChangeTimestamp": time.strftime("%a %Y-%m-%d %H:%M:%S %Z", time.localtime(service.since)),
        "Since": service.since,
        "Tasks": sorted(service.pids()) if service.active in {"active", "activating", "deactivating"} else [],
    }


def _list(value: object) -> list[object]:
    return value if isinstance(value, list) else []
