"""Taking a unit down: its stop commands, the signals to its processes, and what is cleared away when they have gone."""

from __future__ import annotations

import signal

from . import policy, process
from .journal import WARNING

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .service import Service

_LOOK_AGAIN = 0.02  # seconds


class StopJob:
    """The stop of one unit."""

    def __init__(self, service: Service) -> None:
        self._service = service

    def begin(self) -> None:
        """Run the unit's stop commands, then signal what is left of it."""
        service = self._service
        service.stopping = True
        if service.kind == "target":
            self._dead()
            return
        service.say(f"Stopping {service.title}...")
        service.set("deactivating", "stop")
        service.run("ExecStop", lambda _: self.signal())

    def signal(self) -> None:
        """Ask its processes to end, and see to it that they do."""
        service = self._service
        service.stopping = True
        service.set("deactivating", "stop-sigterm")
        if policy.kill_mode(service.file) != "none":
            process.send(self._targets(), policy.kill_signal(service.file))
        service.limit(policy.timeout(service.file, "TimeoutStopSec"), self._timed_out)
        self._check()

    def process_gone(self) -> None:
        """Take note that a process of the unit has ended; it may have been the last."""
        if self._service.sub in {"stop-sigterm", "stop-sigkill"}:
            self._check()

    def clear_away(self) -> None:
        """Kill what the main process left behind, as the control group's end would; KillMode=process leaves it alone."""
        service = self._service
        if policy.kill_mode(service.file) in {"control-group", "mixed"}:
            process.send(service.pids(), signal.SIGKILL)
        for folder in service.file.words("Service", "RuntimeDirectory"):
            import shutil  # here: few units need it, and every boot would wait for it

            shutil.rmtree(f"/run/{folder}", ignore_errors=True)

    def _targets(self) -> set[int]:
        service = self._service
        if policy.kill_mode(service.file) in {"process", "mixed"}:
            return {service.main_pid} if service.main_pid else set()
        return service.pids()

    def _timed_out(self) -> None:
        service = self._service
        service.say(f"{service.name}: State 'stop-sigterm' timed out. Killing.", priority=WARNING)
        service.result = "timeout"
        service.set("deactivating", "stop-sigkill")
        process.send(service.pids(), signal.SIGKILL)
        self._check()

    def _check(self) -> None:
        """See whether all that must go has gone; children's ends wake the loop, so only orphans need to be looked for again."""
        service = self._service
        if service.active != "deactivating":
            return
        mode = policy.kill_mode(service.file)
        left = self._targets() & set(process.running()) if mode != "none" else set()
        if mode == "mixed" and not left:
            left = service.pids()
            process.send(left, signal.SIGKILL)
        if left:
            service.manager.loop.later(_LOOK_AGAIN, self._check)
            return
        service.cancel()
        service.run("ExecStopPost", lambda _: self._dead())

    def _dead(self) -> None:
        service = self._service
        service.main_pid = 0
        failed = service.result == "timeout"
        if service.kind != "target":
            self.clear_away()
            if failed:
                service.say(f"{service.name}: Failed with result '{service.result}'.", priority=WARNING)
            else:
                service.say(f"{service.name}: Deactivated successfully.")
        service.say(f"Stopped {'target ' if service.kind == 'target' else ''}{service.title}.")
        service.set("failed" if failed else "inactive", "failed" if failed else "dead")
        service.finish_start(service.result if failed else "canceled")
        service.finish_stop()
