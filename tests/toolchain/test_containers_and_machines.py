"""The dev container and the virtual machine for macOS stay in step with the preflight, and what a container must allow is what it says."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from toolchain import commands
from toolchain.preflight import _PACKAGES, CONTAINER_OPTIONS

ROOT = Path(__file__).resolve().parents[2]
CONTAINER = ROOT / ".devcontainer"
MACHINE = yaml.safe_load((ROOT / ".lima" / "mig-nlb.yaml").read_text())
# Of https://containers.dev/implementors/json_reference, those that are used here.
KEYS = {"name", "build", "remoteUser", "runArgs", "mounts", "postCreateCommand"}


def container() -> dict[str, object]:
    found: dict[str, object] = json.loads((CONTAINER / "devcontainer.json").read_text())
    return found


def packages(text: str) -> list[str]:
    """Return what an apt-get install in a script or Dockerfile installs."""
    (found,) = re.findall(
        r"apt-get install -q -y --no-install-recommends \\\n\s+(.+?)(?: \\)?$", text, re.MULTILINE
    )
    return str(found).split()


def test_the_container_has_only_keys_of_the_specification_and_names_files_that_exist() -> None:
    assert set(container()) <= KEYS
    build = container()["build"]
    assert isinstance(build, dict)
    assert (CONTAINER / build["dockerfile"]).is_file()
    assert f"USER {container()['remoteUser']}" in (CONTAINER / "Dockerfile").read_text().splitlines()


def test_the_container_allows_what_the_preflight_asks_for_and_no_more() -> None:
    given = container()["runArgs"]
    assert isinstance(given, list)
    assert set(given) == {
        option.replace(" ", "=", 1) for option in re.findall(r"--\S+ \S+", CONTAINER_OPTIONS)
    } | {"--init"}
    assert "privileged" not in json.dumps(container())
    page = (ROOT / "docs" / "macos-and-windows.md").read_text()
    assert all(f"`{option}`" in page for option in re.findall(r"--\S+ \S+", CONTAINER_OPTIONS))


def test_the_containers_command_is_a_make_target() -> None:
    verb, target = str(container()["postCreateCommand"]).split()
    assert verb == "make"
    assert target in commands.COMMANDS


@pytest.mark.parametrize("mount", ["mig-nlb-cache", "mig-nlb-state"])
def test_volumes_are_folders_that_the_image_gives_to_its_user(mount: str) -> None:
    mounts = container()["mounts"]
    assert isinstance(mounts, list)
    (target,) = [re.sub(r".*target=([^,]+),.*", r"\1", one) for one in mounts if f"source={mount}," in one]
    text = (CONTAINER / "Dockerfile").read_text()
    assert target in text
    assert "chown --recursive developer:developer" in text


def test_both_install_what_the_preflight_asks_for() -> None:
    wanted = set(_PACKAGES["debian"].values())
    in_container = packages((CONTAINER / "Dockerfile").read_text())
    in_machine = packages(MACHINE["provision"][0]["script"])
    assert wanted <= set(in_container)
    assert in_container == in_machine
    assert "FROM debian:12" in (CONTAINER / "Dockerfile").read_text()
    assert MACHINE["base"] == ["template:_images/debian-12"]


@pytest.mark.skipif(
    shutil.which("apt-cache") is None, reason="packages can be looked up on Debian and Ubuntu only"
)
def test_the_packages_exist_in_debian() -> None:
    names = packages((CONTAINER / "Dockerfile").read_text())
    told = subprocess.run(["apt-cache", "show", *names], capture_output=True, text=True, check=False)
    if "E: " in told.stderr and not told.stdout:
        known = subprocess.run(["apt-cache", "stats"], capture_output=True, text=True, check=False).stdout
        assert "Total package names: 0" in known or "Normal packages: 0" in known, told.stderr
        pytest.skip("this machine has no package lists: apt-get update")
    assert set(names) <= set(re.findall(r"(?m)^Package: (.+)$", told.stdout)), told.stderr


def test_the_machines_script_is_a_script() -> None:
    subprocess.run(["bash", "-n"], input=MACHINE["provision"][0]["script"], text=True, check=True)


@pytest.mark.kernel
@pytest.mark.parametrize(
    ("hidden", "status"), [((), 0), (("--ro-bind", "/dev/null", "/proc/keys"), 1)], ids=["whole", "masked"]
)
def test_a_container_that_hides_parts_of_proc_is_refused_by_the_preflight(
    hidden: tuple[str, ...], status: int
) -> None:
    if not Path("/proc/keys").exists():
        pytest.skip("this kernel's /proc has no /proc/keys to hide")
    inside = ["--dev-bind", "/", "/", "--proc", "/proc", *hidden, "--chdir", str(ROOT)]
    done = subprocess.run(
        [
            "bwrap",
            "--unshare-user",
            "--unshare-pid",
            "--uid",
            "1000",
            *inside,
            "--",
            sys.executable,
            "-m",
            "toolchain",
            "preflight",
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == status, done.stdout + done.stderr
    if hidden:
        assert "a /proc in a user namespace" in done.stderr
        assert "systempaths=unconfined" in done.stderr
