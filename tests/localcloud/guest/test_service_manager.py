"""Who is asked for a control group, and who is not: what the cloud is started in has to last as long as the cloud does."""

from __future__ import annotations

import os
import pwd
from typing import TYPE_CHECKING

import pytest

from localcloud.guest import service_manager
from localcloud.guest.control_groups import ControlGroups
from localcloud.guest.service_manager import ServiceManager

if TYPE_CHECKING:
    from pathlib import Path

USER = 1234


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Make a machine that systemd runs, with an ordinary user who has a manager."""
    for name in ("run/systemd/system", "run/user/1234/systemd", "var/lib/systemd/linger", "bin"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "run/user/1234/systemd/private").touch()
    program = tmp_path / "bin/systemd-run"
    program.touch(mode=0o755)
    monkeypatch.setattr(os, "geteuid", lambda: USER)
    entry = pwd.struct_passwd(("ada", "x", USER, USER, "", "/home/ada", "/bin/sh"))
    monkeypatch.setattr(pwd, "getpwuid", {USER: entry}.__getitem__)
    return tmp_path


def find(machine: Path, **environment: str) -> ServiceManager | None:
    """Look for the manager as a user with this environment does."""
    return ServiceManager.find(machine, {"PATH": str(machine / "bin"), **environment})


def test_users_manager_is_found_where_its_socket_is(machine: Path) -> None:
    found = find(machine)
    assert found is not None
    assert (found.user, found.lasting, found.folder) == (True, False, "/run/user/1234")
    assert found.environment() == {"XDG_RUNTIME_DIR": "/run/user/1234"}
    command = found.scope()
    assert command[:3] == (str(machine / "bin/systemd-run"), "--user", "--scope")
    assert {"--property=Delegate=yes", "--property=TasksMax=infinity"} <= {*command}
    assert command[-1] == "--"
    assert found.scope() != command, "two scopes never have one name"
    assert find(machine, XDG_RUNTIME_DIR="/run/elsewhere") is None


@pytest.mark.parametrize(
    "missing", ["run/systemd/system", "bin/systemd-run", "run/user/1234/systemd/private"]
)
def test_machine_that_lacks_a_part_of_it_has_none(machine: Path, missing: str) -> None:
    place = machine / missing
    place.rmdir() if place.is_dir() else place.unlink()
    assert find(machine) is None


def test_it_lasts_for_who_lingers_or_sits_at_a_desktop(machine: Path) -> None:
    for kind, lasting in {"tty": False, "x11": True, "wayland": True}.items():
        found = find(machine, XDG_SESSION_TYPE=kind)
        assert found is not None
        assert found.lasting == lasting, kind
    (machine / "var/lib/systemd/linger/ada").touch()
    found = find(machine, XDG_SESSION_TYPE="tty")
    assert found is not None
    assert found.lasting


def test_root_is_served_by_the_systems_own(machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    found = find(machine)
    assert found is not None
    assert (found.user, found.lasting, found.environment()) == (False, True, {})
    assert "--user" not in found.scope()


def test_what_does_not_last_is_taken_only_by_who_says_so(
    machine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    brief = find(machine)
    lasting = find(machine, XDG_SESSION_TYPE="x11")
    assert brief is not None
    assert lasting is not None
    for found, wish, expected in [
        (brief, "", None),
        (brief, "always", brief),
        (lasting, "", lasting),
        (lasting, "never", None),
        (None, "always", None),
    ]:
        monkeypatch.setenv("LOCALCLOUD_CONTROL_GROUPS", wish)
        monkeypatch.setattr(ServiceManager, "find", lambda found=found: found)
        assert service_manager.asked() is expected
    monkeypatch.setattr(ServiceManager, "find", lambda: brief)
    monkeypatch.setenv("LOCALCLOUD_CONTROL_GROUPS", "")
    nothing = ControlGroups(hierarchy=None, own=None, controllers=())
    monkeypatch.setattr(ControlGroups, "find", lambda: nothing)
    assert "run `loginctl enable-linger` and start the cloud anew" in service_manager.without_groups()
    monkeypatch.setattr(ServiceManager, "find", lambda: lasting)
    assert (
        "; a cloud that is started anew gets one from the service manager" in service_manager.without_groups()
    )
    monkeypatch.setenv("LOCALCLOUD_CONTROL_GROUPS", "never")
    assert service_manager.without_groups().startswith("none, by LOCALCLOUD_CONTROL_GROUPS=never; ")
