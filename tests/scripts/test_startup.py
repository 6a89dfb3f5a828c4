"""The start-up script, run for real: its own mount namespace, a metadata server, a bucket. Only systemctl and sleep are stand-ins."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.scripts.google import EMAIL, TOKEN, Google
from tests.serving import serving

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[2]
SERVICE = b"print('the service')\n"
SYSTEMCTL = """#!/bin/bash
echo "$*" >> /stand-ins/calls
case "$*" in
  "is-active --quiet mig-nlb.service") [[ -e /stand-ins/active ]] ;;
  "enable --now mig-nlb.service") touch /stand-ins/active ;;
esac
"""


@dataclass
class Machine:
    """A machine's folders, kept between runs of the script."""

    folder: Path
    google: Google

    def run(self) -> subprocess.CompletedProcess[str]:
        """Run the script as the guest agent does."""
        (self.folder / "bin/calls").unlink(missing_ok=True)
        sandbox = [
            "bwrap", "--ro-bind", "/", "/", "--dev", "/dev", "--proc", "/proc", "--tmpfs", "/tmp", "--tmpfs", "/etc",
            "--ro-bind-try", "/etc/alternatives", "/etc/alternatives", "--ro-bind-try", "/etc/ld.so.cache", "/etc/ld.so.cache",
            "--bind", str(self.folder / "opt"), "/opt", "--bind", str(self.folder / "units"), "/etc/systemd/system",
            "--tmpfs", "/mnt", "--die-with-parent", "--unshare-pid",
        ]  # fmt: skip
        script = (ROOT / "scripts/startup.sh").read_text("utf-8")
        # The root is read-only, so the stand-ins' folder is put where a folder exists on every machine.
        stand_ins = ["--bind", str(self.folder / "bin"), "/mnt"]
        (self.folder / "bin/systemctl").write_text(SYSTEMCTL.replace("/stand-ins", "/mnt"))
        return subprocess.run(
            [*sandbox, *stand_ins, "/bin/bash", "-c", script],
            env={
                "PATH": f"/mnt:{os.defpath}",
                "GCE_METADATA_HOST": self.google.address,
                "STORAGE_ENDPOINT": f"http://{self.google.address}",
            },
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )

    @property
    def calls(self) -> list[str]:
        """What systemctl was told in the last run."""
        path = self.folder / "bin/calls"
        return path.read_text().splitlines() if path.exists() else []

    @property
    def service(self) -> bytes:
        """The service as installed."""
        return (self.folder / "opt/mig-nlb/service.py").read_bytes()

    @property
    def unit(self) -> str:
        """The unit as installed."""
        return (self.folder / "units/mig-nlb.service").read_text()


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    for name in ("opt", "units", "bin"):
        (tmp_path / name).mkdir()
    for name, content in (("systemctl", SYSTEMCTL), ("sleep", "#!/bin/bash\n")):
        (tmp_path / "bin" / name).write_text(content)
        (tmp_path / "bin" / name).chmod(0o755)
    with Google() as google, serving(google):
        google.objects["scripts/service.py"] = SERVICE
        yield Machine(folder=tmp_path, google=google)


def test_it_is_bash_that_bash_can_read() -> None:
    subprocess.run(["bash", "-n", str(ROOT / "scripts/startup.sh")], check=True)


@pytest.mark.kernel
def test_it_installs_the_service_from_beside_itself_and_starts_it(machine: Machine) -> None:
    done = machine.run()
    assert done.returncode == 0, done.stderr
    assert machine.service == SERVICE
    assert "ExecStart=/usr/bin/python3 -u /opt/mig-nlb/service.py" in machine.unit
    assert "Environment=PORT=8080" in machine.unit
    assert machine.calls[-2:] == ["daemon-reload", "enable --now mig-nlb.service"]
    assert "mig-nlb.service runs gs://scripts/service.py on port 8080 (changed: yes)" in done.stdout
    assert sorted(path.name for path in machine.folder.glob("*/**/*.new")) == []


@pytest.mark.kernel
def test_run_again_it_restarts_only_what_changed(machine: Machine) -> None:
    machine.run()
    assert "(changed: no)" in machine.run().stdout
    assert "restart mig-nlb.service" not in machine.calls
    machine.google.objects["scripts/service.py"] = SERVICE * 2
    assert "(changed: yes)" in machine.run().stdout
    assert machine.service == SERVICE * 2
    assert machine.calls[-1] == "restart mig-nlb.service"
    machine.google.metadata["attributes/service-port"] = "9000"
    machine.run()
    assert "Environment=PORT=9000" in machine.unit
    assert machine.calls[-1] == "restart mig-nlb.service"


@pytest.mark.kernel
def test_without_the_permission_it_says_who_lacks_what_and_how_to_go_on(machine: Machine) -> None:
    machine.google.allowed = False
    done = machine.run()
    assert done.returncode == 1
    assert f"gs://scripts/service.py: 403: the service account {EMAIL} may not read it" in done.stderr
    assert "roles/storage.objectViewer on the bucket scripts" in done.stderr
    assert "sudo google_metadata_script_runner startup" in done.stderr
    assert machine.calls == []
    machine.google.allowed = True
    assert machine.run().returncode == 0


@pytest.mark.kernel
def test_permissions_and_networks_may_take_a_moment(machine: Machine) -> None:
    machine.google.failures = [403, 503, 500]
    done = machine.run()
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("try ") == 3


@pytest.mark.kernel
@pytest.mark.parametrize(
    ("metadata", "words"),
    [
        (
            {"attributes/startup-script-url": None},
            "the instance has no metadata entry attributes/startup-script-url",
        ),
        ({"attributes/startup-script-url": "https://example.com/x"}, "expected gs://BUCKET/OBJECT"),
        (
            {"attributes/startup-script-url": "gs://scripts/folder/startup.sh"},
            "gs://scripts/folder/service.py: 404: it is not in the bucket",
        ),
        ({"attributes/service-port": "80 80"}, "service-port is 80 80: expected a port number"),
        ({"service-accounts/default/token": None}, "no service account, or its token cannot be read"),
    ],
)
def test_what_is_missing_is_said_in_words(
    machine: Machine, metadata: dict[str, str | None], words: str
) -> None:
    for key, value in metadata.items():
        machine.google.metadata.pop(key, None)
        if value is not None:
            machine.google.metadata[key] = value
    done = machine.run()
    assert done.returncode == 1
    assert words in done.stderr


@pytest.mark.kernel
def test_a_script_in_a_folder_of_the_bucket_finds_what_is_beside_it(machine: Machine) -> None:
    machine.google.metadata["attributes/startup-script-url"] = "gs://scripts/a/b/startup.sh"
    machine.google.objects["scripts/a/b/service.py"] = b"print('elsewhere')\n"
    assert machine.run().returncode == 0
    assert machine.service == b"print('elsewhere')\n"


@pytest.mark.kernel
def test_a_broken_service_never_takes_the_place_of_one_that_runs(machine: Machine) -> None:
    machine.run()
    machine.google.objects["scripts/service.py"] = b"def broken(:\n"
    done = machine.run()
    assert done.returncode == 1
    assert "not a Python program" in done.stderr
    assert machine.service == SERVICE
    assert machine.calls == []


@pytest.mark.kernel
def test_the_token_is_on_no_command_line_and_in_no_output(machine: Machine) -> None:
    done = machine.run()
    assert TOKEN not in done.stdout + done.stderr
    script = (ROOT / "scripts/startup.sh").read_text("utf-8")
    (request,) = [line for line in script.splitlines() if "Authorization" in line]
    assert "<<<" in request, "it goes in on standard input"
