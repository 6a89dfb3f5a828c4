"""A unit's main process: which it is, what its end means, and whether the unit is then started again."""

from __future__ import annotations

import os

from . import policy
from .journal import ERROR, NOTICE, WARNING

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .service import Service


class MainProcess:
    """The main process of one unit, or the command that stands for it while the unit is being started."""

    def __init__(self, service: Service) -> None:
        self._service = service

    def take(self, pid: int) -> None:
        """Have this one be it."""
        self._service.main_pid = pid

    def gone(self, status: int) -> None:
        """Handle its end; `status` is its wait status."""
        service = self._service
        if service.stopping:
            service.stop_job.process_gone()
            return
        service.main_status = status
        clean = policy.is_clean(service.file, status, oneshot=service.kind == "oneshot")
        if not clean:
            service.result = (
                "exit-code" if os.WIFEXITED(status) else ("core-dump" if os.WCOREDUMP(status) else "signal")
            )
            service.say(f"{service.name}: Main process exited, {policy.describe(status)}", priority=NOTICE)
        starting = service.active == "activating"
        if starting and clean and service.kind == "forking":
            self._forked()
        elif clean and self._remains_up(starting=starting):
            service.main_pid = 0
            service.set("active", "exited")
            if starting:
                service.say(f"Finished {service.title}.")
                service.run("ExecStartPost", lambda _: None)
                service.finish_start("")
        else:
            self._over(clean=clean)

    def _remains_up(self, *, starting: bool) -> bool:
        service = self._service
        up = service.kind == "oneshot" if starting else service.active == "active"
        return up and service.file.flag("Service", "RemainAfterExit")

    def _forked(self) -> None:
        """Take the daemon that the command has left behind for the main process."""
        service = self._service
        service.main_pid = self._forked_pid()
        service.start_job.finish()
        if service.main_pid:
            # no child from the start, but adopted when its parent left
            service.manager.loop.on_exit(service.main_pid, self.gone)

    def _forked_pid(self) -> int:
        service = self._service
        path = service.file.get("Service", "PIDFile")
        if path:
            try:
                with open(path if path.startswith("/") else f"/run/{path}", encoding="ascii") as file:
                    return int(file.read().strip())
            except (OSError, ValueError):
                service.say(
                    f"{service.name}: Can't open PID file {path} (yet?) after start.", priority=NOTICE
                )
        return min(service.pids(), default=0)

    def _over(self, *, clean: bool) -> None:
        """Go on after it has ended by itself."""
        service = self._service
        service.main_pid = 0
        starting = service.active == "activating"
        service.cancel()
        if service.kind != "oneshot":
            service.stop_job.clear_away()
        if clean:
            service.say(f"{service.name}: Deactivated successfully.")
            if starting and service.kind == "oneshot":
                service.say(f"Finished {service.title}.")
        else:
            service.say(f"{service.name}: Failed with result '{service.result}'.", priority=WARNING)
            if starting:
                service.say(f"Failed to start {service.title}.", priority=ERROR)
        service.run("ExecStopPost", lambda _: None)
        service.set("inactive", "dead") if clean else service.set("failed", "failed")
        if starting:
            service.finish_start("" if clean else service.result)
        if policy.restarts(service.file, service.main_status or 0, service.result, clean=clean):
            service.set("activating", "auto-restart")
            service.later(service.file.seconds("Service", "RestartSec", 0.1), self._restart)
        else:
            service.finish_stop()

    def _restart(self) -> None:
        service = self._service
        service.cancel()
        service.restarts += 1
        service.say(f"{service.name}: Scheduled restart job, restart counter is at {service.restarts}.")
        if service.start_job.allowed():
            service.start_job.begin()
