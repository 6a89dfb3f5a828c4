"""The language host under the real engine: programs and policy packs without any provider."""

from __future__ import annotations

import contextlib
import json
import os
import platform
import select
import signal
import sys
from importlib.metadata import version
from typing import TYPE_CHECKING

import pytest

from tests.toolchain.meeting_point import PATIENCE_SECONDS, MeetingPoint
from toolchain.language_host.install import install_commands

if TYPE_CHECKING:
    from pathlib import Path

    from tests.toolchain.project import Project

COMPONENT = """
    import pulumi

    class Box(pulumi.ComponentResource):
        def __init__(self, name, size, opts=None):
            super().__init__("tiny:index:Box", name, {"size": size}, opts)
            self.size = pulumi.Output.from_input(size)
            self.register_outputs({"size": self.size})

    outer = Box("outer", pulumi.Config().get_int("size") or 1)
    inner = Box("inner", outer.size.apply(lambda size: size * 2), pulumi.ResourceOptions(parent=outer))
    pulumi.export("size", inner.size)
"""

PACK = """
    from pulumi_policy import EnforcementLevel, PolicyPack, ResourceValidationPolicy, StackValidationPolicy

    def small(args, report):
        if args.resource_type == "tiny:index:Box" and args.props.get("size", 0) > 4:
            report("boxes must be at most 4, this one is %d" % args.props["size"])

    def few(args, report):
        boxes = [r for r in args.resources if r.resource_type == "tiny:index:Box"]
        if len(boxes) != 2:
            report("a stack has two boxes, not %d" % len(boxes))

    PolicyPack("tiny", enforcement_level=EnforcementLevel.MANDATORY, policies=[
        ResourceValidationPolicy("small", "Boxes are small.", small),
        StackValidationPolicy("few", "Boxes are few.", few),
    ])
"""


def test_up_refresh_and_destroy_keep_the_state_right(project: Project) -> None:
    project.write(COMPONENT)

    project.pulumi("up", "--yes", "--stack", "dev")
    assert project.outputs() == {"size": 2}
    assert project.resources() == ["pulumi:pulumi:Stack", "tiny:index:Box", "tiny:index:Box"]

    project.pulumi("preview", "--expect-no-changes", "--stack", "dev")
    project.pulumi("refresh", "--yes", "--stack", "dev")
    project.pulumi("config", "set", "size", "21", "--stack", "dev")
    project.pulumi("up", "--yes", "--stack", "dev")
    assert project.outputs() == {"size": 42}

    project.pulumi("destroy", "--yes", "--stack", "dev")
    assert project.resources() == []


def test_config_and_secrets_reach_the_program_and_secrets_stay_secret(project: Project) -> None:
    project.pulumi("config", "set", "plain", "in the clear", "--stack", "dev")
    project.pulumi("config", "set", "--secret", "hidden", "s3cr3t-value", "--stack", "dev")
    project.write("""
        import pulumi
        config = pulumi.Config()
        pulumi.export("plain", config.require("plain"))
        pulumi.export("hidden", config.require_secret("hidden").apply(lambda text: text.upper()))
        pulumi.export("known", pulumi.Output.from_input(1).apply(lambda _: sorted([pulumi.get_project(), pulumi.get_stack()])))
        pulumi.export("organization", pulumi.get_organization())
        pulumi.export("dry", pulumi.runtime.is_dry_run())
    """)
    printed = project.pulumi("up", "--yes", "--stack", "dev")

    assert project.outputs() == {
        "plain": "in the clear",
        "hidden": "[secret]",
        "known": ["dev", "tiny"],
        "organization": "organization",
        "dry": False,
    }
    assert project.outputs("--show-secrets")["hidden"] == "S3CR3T-VALUE"
    assert "s3cr3t" not in printed.lower()


def test_a_policy_pack_lets_good_stacks_through_and_stops_bad_ones_before_anything_changes(
    project: Project,
) -> None:
    pack = project.write_policies(PACK)
    project.write(COMPONENT)
    printed = project.pulumi("up", "--yes", "--stack", "dev", "--policy-pack", str(pack))
    assert "tiny" in printed
    assert project.outputs() == {"size": 2}

    project.pulumi("config", "set", "size", "3", "--stack", "dev")
    for verb in (("preview",), ("up", "--yes")):
        printed = project.fails(*verb, "--stack", "dev", "--policy-pack", str(pack))
        assert "boxes must be at most 4, this one is 6" in printed
    assert project.outputs() == {"size": 2}

    project.write("")
    printed = project.fails("preview", "--stack", "dev", "--policy-pack", str(pack))
    assert "a stack has two boxes, not 0" in printed


def test_an_exception_shows_the_programs_own_traceback_only(project: Project) -> None:
    project.write("""
        import helper
        helper.deeper()
    """)
    (project.program / "helper.py").write_text("def deeper():\n    raise LookupError('the reason')\n")
    printed = project.fails("up", "--yes", "--stack", "dev")

    assert "LookupError: the reason" in printed
    assert f'File "{project.program}/__main__.py", line 3, in <module>' in printed
    assert f'File "{project.program}/helper.py", line 2, in deeper' in printed
    assert "runpy" not in printed
    assert "language_host" not in printed


def test_what_the_program_prints_is_shown(project: Project) -> None:
    project.write("""
        import sys, pulumi
        print("to standard output")
        print("to standard error", file=sys.stderr)
        pulumi.log.warn("a warning of its own")
    """)
    printed = project.pulumi("up", "--yes", "--stack", "dev")
    assert "to standard output" in printed
    assert "to standard error" in printed
    assert "a warning of its own" in printed


def test_a_program_that_exits_by_itself_is_reported(project: Project) -> None:
    project.write("raise SystemExit(3)")
    assert "Program exited with non-zero exit code: 3" in project.fails("preview", "--stack", "dev")


def test_a_missing_program_is_named(project: Project) -> None:
    (project.program / "__main__.py").unlink()
    printed = project.fails("preview", "--stack", "dev")
    assert f"{project.program}/__main__.py is missing" in printed


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"virtualenv": "nowhere"}, "the virtualenv option is 'nowhere'"),
        ({"toolchain": "poetry"}, "toolchain='poetry' is not supported"),
        ({"typechecker": "mypy"}, "runtime option 'typechecker' is not supported"),
    ],
)
def test_options_that_cannot_be_honoured_are_refused_in_words(
    project: Project, options: dict[str, str], message: str
) -> None:
    project.describe(**options)
    assert message in project.fails("preview", "--stack", "dev")


def test_about_names_the_python_the_packages_and_the_providers_they_need(project: Project) -> None:
    about = json.loads(project.pulumi("about", "--stack", "dev", "--json"))
    assert about["runtime"]["executable"] == str(project.virtualenv / "bin" / "python")
    assert about["runtime"]["version"] == platform.python_version()
    assert {"name": "pulumi-gcp", "version": version("pulumi-gcp")} in about["dependencies"]
    assert {"name": "gcp", "version": version("pulumi-gcp"), "kind": "resource"} in about["plugins"]


HANGING = """
    import os, time, pulumi
    pulumi.ComponentResource("tiny:index:Box", "first")
    if not pulumi.runtime.is_dry_run():
        def hang(urn):
            with open({fifo!r}, "w") as fifo:
                fifo.write(f"{{os.getpid()}} {{os.getppid()}}\\n")
            while True:
                time.sleep(60)
        pulumi.ComponentResource("tiny:index:Box", "second").urn.apply(hang)
"""


def _gone(pid: int) -> bool:
    """Wait for a process that is not ours to end; the kernel tells, so nothing is polled."""
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        ended, _, _ = select.select([descriptor], [], [], PATIENCE_SECONDS)
    finally:
        os.close(descriptor)
    return bool(ended)


def _written(folder: Path) -> bool:
    """Say whether the stack's file is whole and has the second resource: nothing is written to it after that."""
    for path in folder.rglob("stacks/**/dev.json"):
        with contextlib.suppress(ValueError, OSError):
            deployment = json.loads(path.read_text("utf-8"))["checkpoint"]["latest"]
            names = {resource["urn"].rsplit("::", 1)[-1] for resource in deployment["resources"]}
            return "second" in names and not deployment.get("pending_operations")
    return False


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_an_interrupted_up_leaves_no_process_and_a_state_to_go_on_with(
    project: Project, number: signal.Signals
) -> None:
    with MeetingPoint(project.folder / "fifo") as point:
        project.write(HANGING.format(fifo=str(point.path)))
        with project.start("up", "--yes", "--stack", "dev") as running:
            program, host = map(int, point.hear().split())
            # The engine writes its file in place: one killed in the middle of that leaves half a file, which is not ours to mend.
            while not _written(project.folder) and running.poll() is None:
                os.sched_yield()
            os.killpg(running.pid, number)
            printed, _ = running.communicate(timeout=PATIENCE_SECONDS)

    assert running.returncode != 0, printed
    assert _gone(program)
    assert _gone(host)
    if number is signal.SIGKILL:
        project.pulumi("cancel", "--yes", "dev")
    assert "tiny:index:Box" in project.resources()
    project.write(COMPONENT)
    project.pulumi("up", "--yes", "--stack", "dev")
    assert project.outputs() == {"size": 2}


def test_an_environment_without_pip_stays_as_it_is_where_there_is_nothing_to_install(tmp_path: Path) -> None:
    python = tmp_path / "env" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.symlink_to(sys.executable)
    options = {"virtualenv": "env"}
    (told,) = install_commands(tmp_path, options, os.environ)
    assert told[:2] == [str(python), "-c"]
    (tmp_path / "requirements.txt").write_text("")
    ensured, installed = install_commands(tmp_path, options, os.environ)
    assert ensured == [str(python), "-m", "ensurepip"]
    assert installed[1:4] == ["-m", "pip", "install"]
