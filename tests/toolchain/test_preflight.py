"""What the preflight says on machines that lack things."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from toolchain.cache import Cache
from toolchain.errors import ToolchainError
from toolchain.preflight import COMMANDS, SYSTEM_FOLDERS, Finding, Preflight, with_system_folders
from toolchain.progress import Progress

if TYPE_CHECKING:
    from pathlib import Path

DEBIAN = 'PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\nID=debian\n'
UBUNTU = 'NAME="Ubuntu"\nID=ubuntu\nID_LIKE=debian\n'


class Machine:
    """A machine made of a folder: its commands, its /etc and /proc, and how its commands answer."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.bin = folder / "bin"
        self.root = folder / "root"
        self.bin.mkdir()
        (self.root / "etc").mkdir(parents=True)
        monkeypatch.setattr("toolchain.preflight.SYSTEM_FOLDERS", ())
        for name in COMMANDS:
            self.install(name)
        self.write("etc/os-release", DEBIAN)
        self.refused: dict[str, str] = {}

    def install(self, name: str, script: str = "#!/bin/sh\n") -> None:
        (self.bin / name).write_text(script)
        (self.bin / name).chmod(0o755)

    def write(self, name: str, text: str) -> None:
        file = self.root / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)

    def run(self, command: list[str]) -> tuple[int, str]:
        for word, answer in self.refused.items():
            if word in " ".join(command):
                return 1, answer
        return 0, ""

    def preflight(self, euid: int = 1000) -> Preflight:
        return Preflight({"PATH": str(self.bin)}, self.root, self.run, euid)


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    return Machine(tmp_path, monkeypatch)


def test_a_complete_machine_lacks_nothing(machine: Machine) -> None:
    assert machine.preflight().findings() == []


def test_a_container_that_hides_parts_of_proc_is_told_what_to_allow(machine: Machine) -> None:
    machine.refused["--mount-proc"] = "unshare: mount /proc failed: Operation not permitted"
    (found,) = machine.preflight().findings()
    assert found.what == "a /proc in a user namespace (unshare: mount /proc failed: Operation not permitted)"
    assert "--security-opt systempaths=unconfined" in found.remedy


@pytest.mark.parametrize(
    ("name", "package"), [("nft", "nftables"), ("bwrap", "bubblewrap"), ("ip", "iproute2"), ("curl", "curl")]
)
def test_a_missing_command_is_named_with_its_package(machine: Machine, name: str, package: str) -> None:
    (machine.bin / name).unlink()
    preflight = machine.preflight()
    found = preflight.findings()

    assert [finding.what for finding in found] == [name]
    assert preflight.command(found) == f"sudo apt-get install -y {package}"
    assert found[0].purpose in preflight.explain(found)


def test_one_command_installs_everything_that_is_missing(machine: Machine) -> None:
    for name in ("nft", "bwrap"):
        (machine.bin / name).unlink()
    machine.refused["import venv, ensurepip"] = "No module named 'ensurepip'"
    preflight = machine.preflight()

    assert (
        preflight.command(preflight.findings()) == "sudo apt-get install -y bubblewrap nftables python3-venv"
    )


def test_other_distributions_get_their_own_command(machine: Machine) -> None:
    (machine.bin / "ip").unlink()
    machine.write("etc/os-release", 'ID="rocky"\nID_LIKE="rhel centos fedora"\n')
    preflight = machine.preflight()
    assert preflight.command(preflight.findings()) == "sudo dnf install -y iproute"


def test_an_unknown_distribution_gets_the_names(machine: Machine) -> None:
    (machine.bin / "bwrap").unlink()
    machine.write("etc/os-release", "ID=plan9\n")
    preflight = machine.preflight()
    found = preflight.findings()
    assert preflight.command(found) == ""
    assert "package manager: bwrap" in preflight.explain(found)


@pytest.mark.parametrize(
    ("switch", "value", "setting"),
    [
        (
            "kernel/apparmor_restrict_unprivileged_userns",
            "1",
            "kernel.apparmor_restrict_unprivileged_userns=0",
        ),
        ("kernel/unprivileged_userns_clone", "0", "kernel.unprivileged_userns_clone=1"),
        ("user/max_user_namespaces", "0", "user.max_user_namespaces=15000"),
    ],
)
def test_refused_namespaces_name_the_setting_that_refuses_them(
    machine: Machine, switch: str, value: str, setting: str
) -> None:
    machine.write("etc/os-release", UBUNTU)
    machine.write(f"proc/sys/{switch}", f"{value}\n")
    machine.refused["unshare --user"] = "unshare: write failed /proc/self/uid_map: Operation not permitted"
    preflight = machine.preflight()
    found = preflight.findings()

    assert len(found) == 1
    assert setting in preflight.command(found)
    assert "sudo sysctl --system" in preflight.command(found)


def test_namespaces_refused_by_a_container_say_so(machine: Machine) -> None:
    machine.refused["unshare --user"] = "unshare: unshare failed: Operation not permitted"
    found = machine.preflight().findings()
    assert "Operation not permitted" in found[0].what
    assert "seccomp" in found[0].remedy


def test_too_few_open_files_are_told_with_what_gives_more(machine: Machine) -> None:
    preflight = machine.preflight()
    assert preflight.findings() == []
    preflight.open_files = 512
    (found,) = preflight.findings()
    assert found.what == "open files (a process may have 512, and 1,024 are needed)"
    assert "hard nofile 65536" in preflight.command([found])


def test_a_kernel_without_nftables_is_found_by_trying(machine: Machine) -> None:
    machine.refused["nft add table"] = "Error: Could not process rule: Operation not supported"
    found = machine.preflight().findings()
    assert found == [
        Finding(
            "nftables in a user namespace (Error: Could not process rule: Operation not supported)",
            "the local cloud, which runs without privileges",
            remedy="sudo modprobe nf_tables",
        )
    ]


def test_requiring_explains_to_an_ordinary_user_what_to_type(machine: Machine, tmp_path: Path) -> None:
    (machine.bin / "nft").unlink()
    with pytest.raises(ToolchainError, match="sudo apt-get install -y nftables"):
        machine.preflight().require(Cache(tmp_path / "cache"), Progress())


def test_root_on_debian_installs_what_is_missing(machine: Machine, tmp_path: Path) -> None:
    (machine.bin / "nft").unlink()
    # Debian's installer, as far as it matters here: it puts the command where the package has it.
    calls = tmp_path / "calls"
    machine.install(
        "apt-get",
        f'#!/bin/sh\necho "$@" >> {calls}\ncase "$*" in *install*nftables*) : > {machine.bin}/nft; chmod +x {machine.bin}/nft;; esac\n',
    )
    preflight = machine.preflight(euid=0)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PATH", f"{machine.bin}{os.pathsep}{os.environ['PATH']}")
        preflight.environ = {**preflight.environ, "PATH": f"{machine.bin}{os.pathsep}/bin"}
        (machine.bin / "chmod").symlink_to("/bin/chmod")
        # /bin has the machine's real commands; only nft may come from the test's own folder.
        patch.setattr(
            "shutil.which",
            lambda name, **_: str(machine.bin / name) if (machine.bin / name).exists() else None,
        )
        preflight.require(Cache(tmp_path / "cache"), Progress())

    assert calls.read_text().splitlines() == [
        "update -q",
        "install -q -y --no-install-recommends nftables",
    ]


def test_system_folders_are_looked_into_once() -> None:
    assert with_system_folders("/usr/sbin:/bin").split(":") == [
        "/usr/sbin",
        "/bin",
        *(f for f in SYSTEM_FOLDERS if f != "/usr/sbin"),
    ]


@pytest.mark.kernel
def test_this_machine_passes() -> None:
    assert Preflight().findings() == []
