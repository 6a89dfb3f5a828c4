"""The variables for a shell: the local stack's own, and none of them for a real one."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from toolchain.checkout import Checkout
from toolchain.engine import Engine
from toolchain.errors import ToolchainError
from toolchain.shell_environment import ShellEnvironment, local_home, parse_exports

CLOUD = "export PULUMI_DEBUG_PROVIDERS=gcp:4711\nexport GOOGLE_PROJECT='a project'\n"


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    made = Checkout(tmp_path / "checkout")
    made.localcloud.parent.mkdir(parents=True)
    made.localcloud.write_text(f"#!/bin/sh\ncat <<'END'\n{CLOUD}END\n")
    made.localcloud.chmod(0o755)
    return made


def shell(checkout: Checkout, stack: str) -> ShellEnvironment:
    return ShellEnvironment(checkout, Engine(Path("/cache/engine/bin"), "3.259.0", "source"), stack)


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    return {"PATH": "/usr/bin:/bin", "LOCALCLOUD_HOME": str(tmp_path / "cloud"), "HOME": "/home/me"}


def test_the_local_stack_gets_its_backend_its_passphrase_and_the_clouds_endpoints(
    checkout: Checkout, environ: dict[str, str], tmp_path: Path
) -> None:
    got = shell(checkout, "local").apply(environ)

    assert got["PATH"].startswith(f"/cache/engine/bin:{checkout.root}/localcloud/bin:/usr/bin:/bin")
    assert got["PULUMI_BACKEND_URL"] == f"file://{tmp_path}/cloud/pulumi"
    assert got["PULUMI_DEBUG_PROVIDERS"] == "gcp:4711"
    assert got["GOOGLE_PROJECT"] == "a project"
    assert got["LOCALCLOUD_HOME"] == environ["LOCALCLOUD_HOME"]
    passphrase = Path(got["PULUMI_CONFIG_PASSPHRASE_FILE"])
    assert passphrase.stat().st_mode & 0o777 == 0o600


def test_deploying_does_not_change_the_committed_configuration(
    tmp_path: Path, environ: dict[str, str], hosted_engine: Engine
) -> None:
    root = Checkout.here().root
    program = tmp_path / "program"
    program.mkdir()
    for name in ("Pulumi.yaml", "Pulumi.local.yaml"):
        shutil.copy(root / name, program / name)
    committed = (program / "Pulumi.local.yaml").read_bytes()
    # Two clouds with state of their own, one after the other: the second must be able to read what the first one left.
    for home in ("one", "two"):
        own = {**environ, "LOCALCLOUD_HOME": str(tmp_path / home)}
        env = ShellEnvironment(Checkout(root), hosted_engine, "local").apply(own, cloud=False)
        subprocess.run([hosted_engine.pulumi, "stack", "init", "local"], cwd=program, env=env, check=True)
        subprocess.run([hosted_engine.pulumi, "config", "--stack", "local"], cwd=program, env=env, check=True)
        assert (program / "Pulumi.local.yaml").read_bytes() == committed


def test_a_passphrase_of_the_users_own_does_not_shadow_the_local_one(
    checkout: Checkout, environ: dict[str, str]
) -> None:
    got = shell(checkout, "local").apply({**environ, "PULUMI_CONFIG_PASSPHRASE": "theirs"})
    assert "PULUMI_CONFIG_PASSPHRASE" not in got
    assert "unset PULUMI_CONFIG_PASSPHRASE" in shell(checkout, "local").lines(
        {**environ, "PULUMI_CONFIG_PASSPHRASE": "theirs"}
    )


def test_a_real_stack_gets_the_path_and_nothing_else(checkout: Checkout, environ: dict[str, str]) -> None:
    environ["PULUMI_BACKEND_URL"] = "gs://the-users-own"
    got = shell(checkout, "prod").apply(environ)
    assert {name for name in got if got[name] != environ.get(name)} == {"PATH"}
    assert got["PULUMI_BACKEND_URL"] == "gs://the-users-own"
    assert not (Path(environ["LOCALCLOUD_HOME"]) / "pulumi").exists()


def test_a_shell_that_was_set_up_for_the_local_stack_cannot_reach_it_from_a_real_one(
    checkout: Checkout, environ: dict[str, str]
) -> None:
    for_local = shell(checkout, "local").apply(environ)
    for_dev = shell(checkout, "dev").apply(shell(checkout, "local").apply(for_local))
    assert for_dev == shell(checkout, "dev").apply(environ)
    assert [name for name in for_dev if name.startswith(("PULUMI_", "GOOGLE_"))] == []


def test_the_users_own_settings_come_back_for_a_real_stack(
    checkout: Checkout, environ: dict[str, str]
) -> None:
    own = {
        "PULUMI_BACKEND_URL": "gs://theirs",
        "PULUMI_HOME": "/home/me/p",
        "PULUMI_CONFIG_PASSPHRASE": "theirs",
    }
    for_local = shell(checkout, "local").apply(shell(checkout, "local").apply(environ | own))
    assert for_local["PULUMI_BACKEND_URL"].startswith("file://")
    assert shell(checkout, "dev").apply(for_local) == shell(checkout, "dev").apply(environ | own)


def test_the_printed_lines_do_in_a_shell_what_apply_does(checkout: Checkout, environ: dict[str, str]) -> None:
    local = shell(checkout, "local")
    own = environ | {"PULUMI_BACKEND_URL": "gs://theirs", "PULUMI_CONFIG_PASSPHRASE": "it's theirs"}
    for one, base in ((local, environ), (local, own), (shell(checkout, "dev"), local.apply(own))):
        script = 'eval "$LINES_TO_EVALUATE"; unset LINES_TO_EVALUATE; exec env -0'
        printed = subprocess.run(
            ["/bin/sh", "-c", script],
            env={**base, "LINES_TO_EVALUATE": one.lines(base)},
            check=True,
            capture_output=True,
        ).stdout.decode()
        seen = dict(item.split("=", 1) for item in printed.split("\0") if item)
        for shells_own in ("PWD", "OLDPWD", "SHLVL", "_"):
            seen.pop(shells_own, None)
        assert seen == one.apply(base)


def test_a_cloud_that_never_ran_adds_nothing_and_its_words_are_the_users(
    checkout: Checkout, environ: dict[str, str], capfd: pytest.CaptureFixture[str]
) -> None:
    checkout.localcloud.write_text("#!/bin/sh\necho 'it does not run' >&2\nexit 1\n")
    got = shell(checkout, "local").apply(environ)
    assert capfd.readouterr().err == "it does not run\n"
    assert "PULUMI_DEBUG_PROVIDERS" not in got
    assert "PULUMI_BACKEND_URL" in got


def test_exports_are_read_as_a_shell_reads_them() -> None:
    assert parse_exports("# why\nexport A='1 2'\nexport B=x=y C=\"z\"\n\n") == {
        "A": "1 2",
        "B": "x=y",
        "C": "z",
    }
    with pytest.raises(ToolchainError, match="'rm -rf x', which is not an export"):
        parse_exports("rm -rf x")


@pytest.mark.parametrize(
    ("environ", "folder"),
    [
        ({"LOCALCLOUD_HOME": "/a"}, "/a"),
        ({"XDG_STATE_HOME": "/s"}, "/s/mig-nlb/localcloud"),
    ],
)
def test_the_local_clouds_folder_is_where_localcloud_looks(environ: dict[str, str], folder: str) -> None:
    assert local_home(environ) == Path(folder)
