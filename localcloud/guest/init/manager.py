"""All units: loading, jobs with their order, enabling, and what the commands ask for."""

from __future__ import annotations

import os
import time

from . import policy, unitfile
from .enabling import FOLDER
from .journal import INFO, WARNING
from .service import Service

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from .journal import Journal
    from .loop import Loop

DEFAULT_TARGET = "multi-user.target"


class Manager:
    """Owns the units of one machine."""

    def __init__(self, loop: Loop, journal: Journal, *, host: str, boot: str, machine_id: str) -> None:
        self.loop, self.journal = loop, journal
        self.host, self.boot, self.machine_id = host, boot, machine_id
        self.units: dict[str, Service] = {}
        self.given: dict[str, str] = {}  # by `systemctl set-environment`
        self.booted = time.monotonic()
        self._booting = True
        self._awaiting_boot: list[Callable[[], None]] = []
        loop.on_orphan = self.orphan_gone

    def say(self, message: str, unit: str = "", *, priority: int = INFO, console: bool = True) -> None:
        """Write a line as systemd itself."""
        self.journal.log(unit, "systemd", 1, message, priority=priority, console=console)

    def builtin(self, program: str, argv: list[str]) -> Callable[[], int] | None:
        """Return the function that stands for a program, where starting a new interpreter for it would only cost time."""
        if os.path.basename(program) != "google_metadata_script_runner" or len(argv) != 2:
            return None

        def run() -> int:
            from . import runner

            return runner.main(argv[1])

        return run

    def unit(self, name: str) -> Service:
        """Return a unit, loading it if need be.

        Raises:
            UnitError: there is no such unit.
        """
        name = unitfile.unit_name(name)
        service = self.units.get(name)
        if service is None:
            file = unitfile.load(name)
            service = self.units[name] = self._timer(file) if name.endswith(".timer") else Service(self, file)
        return service

    def _timer(self, file: unitfile.UnitFile) -> Service:
        from .timer import TimerUnit  # here: few machines have timers, and every boot would wait for it

        return TimerUnit(self, file)

    def reload(self) -> None:
        """Read all unit files again; what runs goes on with its new settings, as in systemd."""
        self.say("Reloading.")
        for name, service in list(self.units.items()):
            try:
                service.file = unitfile.load(name)
            except unitfile.UnitError:
                if service.active in {"inactive", "failed"}:
                    del self.units[name]

    def on_failure(self, service: Service) -> None:
        """Start what a unit names for the case that it has failed."""
        for name in service.file.words("Unit", "OnFailure"):
            try:
                self.start([name], lambda _: None)
            except unitfile.UnitError as error:
                service.say(f"{service.name}: Failed to enqueue OnFailure= job: {error}", priority=WARNING)

    def orphan_gone(self) -> None:
        """Take note that a process has ended that nobody waits for: it may have been the last of some unit."""
        for service in list(self.units.values()):
            service.main.orphan_gone()

    # Jobs.

    def bring_up(self) -> None:
        """Start the default target and all that it wants."""
        self.start([DEFAULT_TARGET], lambda _: self._booted())

    def when_booted(self, call: Callable[[], None]) -> None:
        """Make a call when all that the boot starts has been started."""
        if self._booting:
            self._awaiting_boot.append(call)
        else:
            call()

    def state(self) -> str:
        """Return what `systemctl is-system-running` prints."""
        if self._booting:
            return "starting"
        return "degraded" if any(unit.active == "failed" for unit in self.units.values()) else "running"

    def _booted(self) -> None:
        self._booting = False
        calls, self._awaiting_boot = self._awaiting_boot, []
        for call in calls:
            call()

    def start(self, names: list[str], done: Callable[[dict[str, str]], None]) -> None:
        """Start units and what they want, each after those it comes after; `done` gets why those asked for failed, by name.

        Raises:
            UnitError: one of them does not exist.
        """
        if not names:
            done({})
            return
        jobs: dict[str, Service] = {}
        wanted = [self.unit(name).name for name in names]
        queue = list(wanted)
        while queue:
            name = queue.pop(0)
            if name in jobs:
                continue
            try:
                jobs[name] = self.unit(name)
            except unitfile.UnitError:
                if name in wanted:
                    raise
                continue
            queue += [
                other for other in self._pulled_in(jobs[name]) if other not in jobs and not self._is_up(other)
            ]
        self._run(jobs, wanted, done)

    def _run(
        self, jobs: dict[str, Service], wanted: list[str], done: Callable[[dict[str, str]], None]
    ) -> None:
        pending = dict(jobs)
        failures: dict[str, str] = {}
        before = policy.order(jobs, self._pulled_in)

        def launch() -> None:
            ready = [name for name in pending if not (before[name] & (set(pending) | started))]
            if not ready and pending and not started:
                ready = [next(iter(pending))]  # an ordering cycle: systemd too breaks it by deleting a job
                self.say(f"{ready[0]}: Found ordering cycle, starting it now.", ready[0], priority=4)
            for name in ready:
                service = pending.pop(name, None)
                if service is None:  # a start that was over at once has launched it meanwhile
                    continue
                started.add(name)
                service.start(lambda failure, name=name: finished(name, failure))  # type: ignore[misc]

        def finished(name: str, failure: str) -> None:
            started.discard(name)
            if failure:
                failures[name] = failure
            if pending:
                launch()
            elif not started and not over:
                over.append(True)
                done({name: failures[name] for name in wanted if name in failures})

        started: set[str] = set()
        over: list[bool] = []
        launch()

    def stop(self, names: list[str], done: Callable[[], None]) -> None:
        """Stop units; `done()` when they are."""
        left = [self.unit(name) for name in names]
        count = len(left)

        def one() -> None:
            nonlocal count
            count -= 1
            if count == 0:
                done()

        for service in left:
            service.stop(one)
        if not left:
            done()

    def stop_all(self, done: Callable[[], None]) -> None:
        """Stop everything that runs: shutdown scripts first, as their unit comes after all services."""
        names = [name for name, unit in self.units.items() if unit.active not in {"inactive", "failed"}]
        scripts = [name for name in names if name == "google-shutdown-scripts.service"]
        rest = [name for name in names if name not in scripts]
        self.stop(scripts, lambda: self.stop(rest, done))

    def _pulled_in(self, service: Service) -> list[str]:
        names = [name for key in ("Wants", "Requires", "BindsTo") for name in service.file.words("Unit", key)]
        for kind in ("wants", "requires"):
            for root in (FOLDER, "/run/systemd/system", "/usr/local/lib/guest/units"):
                folder = f"{root}/{service.name}.{kind}"
                if os.path.isdir(folder):
                    names += sorted(os.listdir(folder))
        return names

    def _is_up(self, name: str) -> bool:
        unit = self.units.get(name)
        return unit is not None and unit.active == "active"
