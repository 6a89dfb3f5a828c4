"""The Makefile, the checks and the test runs."""

from __future__ import annotations

import io
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from toolchain import checks, commands
from toolchain.checkout import Checkout
from toolchain.progress import Progress

ROOT = Path(__file__).resolve().parents[2]
TARGETS = {
    "up",
    "down",
    "test",
    "preview",
    "url",
    "env",
    "settings",
    "check",
    "bench",
    "campaign",
    "clean",
    "help",
}


def test_help_lists_every_target_and_every_target_is_a_command() -> None:
    printed = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    listed = set(re.findall(r"^  (\w+) ", printed, re.MULTILINE))
    assert listed >= TARGETS
    assert listed - {"help"} == set(commands.COMMANDS)
    assert 'eval "$(make -s env)"' in printed


def test_the_stack_is_local_unless_said_otherwise() -> None:
    def command(*arguments: str) -> str:
        return subprocess.run(
            ["make", "-n", *arguments], cwd=ROOT, capture_output=True, text=True, check=True
        ).stdout

    assert "toolchain preview --stack local" in command("preview")
    assert "toolchain preview --stack prod" in command("preview", "STACK=prod")


def test_continuous_integration_calls_nothing_but_make_test() -> None:
    lines = (ROOT / ".ci" / "run").read_text().splitlines()
    assert [line for line in lines if "make" in line and not line.startswith(("#", "command"))] == [
        "exec make test"
    ]
    assert os.access(ROOT / ".ci" / "run", os.X_OK)


def test_the_toolchain_runs_on_the_standard_library_alone() -> None:
    script = "import sys; import toolchain.commands; print(*{name.partition('.')[0] for name in sys.modules})"
    printed = subprocess.run(
        [
            "/usr/bin/env",
            "python3",
            "-I",
            "-S",
            "-c",
            f"import sys; sys.path.insert(0, {str(ROOT)!r}); {script}",
        ],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()
    foreign = {name for name in printed if name not in sys.stdlib_module_names and not name.startswith("_")}
    assert foreign <= {"toolchain"}


def test_a_failing_check_is_shown_and_fails_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    one = [
        checks.Check("good", ["/bin/sh", "-c", "echo unseen"]),
        checks.Check("bad", ["/bin/sh", "-c", "echo the reason; exit 1"], remedy="mend it"),
    ]
    monkeypatch.setattr(checks, "checks", lambda _: one)
    said = io.StringIO()
    assert checks.run(Checkout(ROOT), Progress(said)) == 1
    assert said.getvalue() == "ok     good\nFAILED bad\nthe reason\nTry: mend it\n"
    monkeypatch.setattr(checks, "checks", lambda _: one[:1])
    assert checks.run(Checkout(ROOT), Progress(io.StringIO())) == 0


def test_every_check_looks_at_this_checkout() -> None:
    names = [check.name for check in checks.checks(Checkout(ROOT))]
    assert names == [
        "types",
        "types of the policy pack",
        "format",
        "lint",
        "workflows",
        "workflows' syntax",
        "known vulnerabilities",
        "import contracts",
    ]


def test_a_copy_of_the_checkout_has_what_git_would_add_and_nothing_else(tmp_path: Path) -> None:
    source, target = tmp_path / "source", tmp_path / "target"
    (source / "deep").mkdir(parents=True)
    subprocess.run(["git", "init", "--quiet", source], check=True)
    (source / ".gitignore").write_text("ignored\n")
    (source / "ignored").write_text("")
    (source / "deep" / "script").write_text("#!/bin/sh\n")
    (source / "deep" / "script").chmod(0o755)
    (source / "link").symlink_to("deep/script")
    Checkout(source).copy_to(target)

    found = {str(path.relative_to(target)) for path in target.rglob("*") if not path.is_dir()}
    assert found == {".gitignore", "deep/script", "link"}
    assert os.access(target / "deep" / "script", os.X_OK)
    assert (target / "link").is_symlink()


@pytest.mark.parametrize("command", ["up", "down", "preview", "drift", "doctor", "url", "env"])
def test_a_stack_that_there_is_not_is_named_before_anything_is_made(
    command: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MIG_NLB_ENGINE", "docker")  # what is looked at next would be refused
    assert commands.main([command, "--stack", "pord"]) == 1
    assert capsys.readouterr().err == (
        f"make {command}: stack 'pord': there is no Pulumi.pord.yaml; stacks are: dev, local, prod, staging\n"
    )


def test_an_error_for_the_user_is_one_message_and_a_status(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MIG_NLB_ENGINE", "docker")
    assert commands.main(["engine"]) == 1
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith("make engine: MIG_NLB_ENGINE is 'docker'")
