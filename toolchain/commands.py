"""The commands behind the Makefile."""

from __future__ import annotations

import argparse
import os
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from toolchain import checks, engine, foreground, merge_request, pr_comment, versions
from toolchain.cache import Cache
from toolchain.checkout import Checkout
from toolchain.deployment import Deployment
from toolchain.errors import ToolchainError
from toolchain.gate import SECTION
from toolchain.offline_preview import OfflinePreview
from toolchain.preflight import Preflight
from toolchain.progress import Progress
from toolchain.shell_environment import LOCAL_STACK, ShellEnvironment
from toolchain.testing import Tests

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_LEFTOVERS = (".pytest_cache", ".mypy_cache", ".ruff_cache", ".import_linter_cache", ".hypothesis")


@dataclass
class Session:
    """What the commands of one invocation share."""

    stack: str
    select: tuple[str, ...]
    checkout: Checkout
    cache: Cache
    progress: Progress
    reports: Path | None = None
    offline: bool = False
    base: str | None = None
    agreed: bool = False
    pipeline: str = ""

    def ready(self) -> ShellEnvironment:
        """Make sure of the stack, the machine, the engine and the environments, and return the stack's variables."""
        self.checkout.require_stack(self.stack)
        if self.stack == LOCAL_STACK or self.offline:
            Preflight().require(self.cache, self.progress)
        found = engine.ensure(self.cache, self.progress)
        self.checkout.ensure_environments(self.cache, self.progress)
        return ShellEnvironment(self.checkout, found, self.stack)

    def deployment(self) -> Deployment:
        """Return the stack, ready to be worked with."""
        return Deployment(
            self.checkout, self.ready(), self.progress, reports=self.reports, agreed=self.agreed
        )

    def tests(self) -> Tests:
        """Return the test runs, with the machine made ready for them."""
        self.ready()
        return Tests(self.checkout, self.cache, self.progress, self.select)


def _up(session: Session) -> int:
    """Put the service on the stack and say where it answers."""
    return session.deployment().up()


def _down(session: Session) -> int:
    """Take the stack down; for the local stack, stop the local cloud too."""
    if session.stack == LOCAL_STACK and not (session.checkout.python.exists() and engine.find(session.cache)):
        session.progress.say("Nothing is up: this checkout has no engine or environment yet.")
        return 0
    return session.deployment().down()


def _preview(session: Session) -> int:
    """Show what `up` would change, judged by the policy pack."""
    if session.offline:
        found = session.ready().engine
        offline = OfflinePreview(
            session.checkout, found, session.progress, session.stack, session.base, session.reports
        )
        return offline.run()
    return session.deployment().preview()


def _comment(session: Session) -> int:
    """Write the comment on a pull request from the reports of its previews, one folder a stack."""
    folder = session.reports or Path("reports")
    found = sorted(folder.rglob(SECTION))
    if not found:
        raise ToolchainError(
            f"{folder}: has no {SECTION}; make some with: make preview OFFLINE=1 REPORTS={folder}/STACK"
        )
    text = pr_comment.comment([file.read_text("utf-8") for file in found])
    target = folder / "comment.md"
    target.write_text(text, "utf-8")
    session.progress.say(f"{target}: {len(found)} stacks, {len(text)} characters")
    return 0


def _note(session: Session) -> int:
    """Post the comment of a GitLab pipeline as the note of its merge request."""
    return merge_request.post(os.environ, session.pipeline, session.progress)


def _drift(session: Session) -> int:
    """Fail if the cloud's resources are not what the stack's state says."""
    return session.deployment().drift()


def _doctor(session: Session) -> int:
    """Say what is wrong with the stack, and what mends it."""
    env = session.ready().apply(os.environ)
    command = [str(session.checkout.root / "scripts" / "doctor"), "--stack", session.stack, *session.select]
    return foreground.run(command, env=env, cwd=session.checkout.root, interactive=sys.stdin.isatty())


def _url(session: Session) -> int:
    """Print where the service answers."""
    return session.deployment().url()


def _env(session: Session) -> int:
    """Print the exports that a shell needs: eval "$(make -s env)"."""
    print(session.ready().lines(os.environ))
    return 0


def _settings(session: Session) -> int:
    """Print a stack's settings, each with where it came from; needs neither engine nor cloud."""
    session.checkout.ensure_environments(session.cache, session.progress)
    command = [str(session.checkout.python), "-m", "effective_settings", session.stack, *session.select]
    return foreground.run(command, env=dict(os.environ), cwd=session.checkout.root, interactive=False)


def _check(session: Session) -> int:
    """Check format, lint, types and import contracts."""
    session.checkout.ensure_environments(session.cache, session.progress)
    return checks.run(session.checkout, session.progress)


def _test(session: Session) -> int:
    """Check, and run every test."""
    tests = session.tests()
    if not session.select:
        return tests.all_and_check()
    checked = checks.run(session.checkout, session.progress)
    return tests.all() or checked


def _campaign(session: Session) -> int:
    """Run the long proofs at full count."""
    session.select += ("-m", "campaign")
    return session.tests().all()


def _bench(session: Session) -> int:
    """Measure, and write docs/benchmarks.md."""
    env = session.ready().apply(os.environ, cloud=False)
    command = [str(session.checkout.python), "-m", "benchmarks", *session.select]
    return foreground.run(command, env=env, cwd=session.checkout.root, interactive=False)


def _engine(session: Session) -> int:
    """Make sure of an engine and print its folder."""
    print(engine.ensure(session.cache, session.progress).folder)
    return 0


def _preflight(session: Session) -> int:
    """Say what this machine lacks; as root on Debian and Ubuntu install it."""
    Preflight().require(session.cache, session.progress)
    session.progress.say("This machine has everything the local cloud needs.")
    return 0


def _clean(session: Session) -> int:
    """Remove what the tools left in the checkout; engine and environments stay in the cache."""
    root = session.checkout.root
    for name in _LEFTOVERS:
        shutil.rmtree(root / name, ignore_errors=True)
    for place in (root / ".venv", root / "policies" / ".venv"):
        if place.is_symlink():
            place.unlink()
    for folder in root.rglob("__pycache__"):
        shutil.rmtree(folder, ignore_errors=True)
    session.progress.say(
        f"Clean. Engine and environments are in {session.cache.path}: remove it to have them made anew."
    )
    return 0


COMMANDS: dict[str, Callable[[Session], int]] = {
    "up": _up,
    "down": _down,
    "test": _test,
    "preview": _preview,
    "comment": _comment,
    "note": _note,
    "drift": _drift,
    "doctor": _doctor,
    "url": _url,
    "env": _env,
    "settings": _settings,
    "check": _check,
    "bench": _bench,
    "campaign": _campaign,
    "clean": _clean,
    "engine": _engine,
    "preflight": _preflight,
}


def main(arguments: Sequence[str]) -> int:
    """Run one command and return the exit status."""
    if sys.version_info < versions.PYTHON_MINIMUM:
        wanted = ".".join(map(str, versions.PYTHON_MINIMUM))
        print(f"make: Python {wanted} or newer is needed; this is {sys.version.split()[0]}", file=sys.stderr)
        return 1
    parser = argparse.ArgumentParser(prog="python3 -m toolchain")
    parser.add_argument("command", choices=COMMANDS)
    parser.add_argument("--stack", default=LOCAL_STACK, help="the stack to work with (default: %(default)s)")
    parser.add_argument(
        "--reports", type=Path, metavar="FOLDER", help="where to write what the policy pack found"
    )
    parser.add_argument(
        "--offline",
        action="store_true",
        help="preview against a local cloud of its own: without account or state",
    )
    parser.add_argument(
        "--base", metavar="REVISION", help="what an offline preview compares with; an empty cloud unless said"
    )
    parser.add_argument(
        "--yes", action="store_true", help="agree to the changes beforehand, where nobody is there to ask"
    )
    parser.add_argument("--pipeline", default="", metavar="NUMBER", help="whose comment `note` posts")
    parser.add_argument("select", nargs="*", help="more arguments for pytest or the benchmarks, after --")
    given = parser.parse_args(arguments)
    try:
        session = Session(
            given.stack,
            tuple(given.select),
            Checkout.here(),
            Cache.default(),
            Progress(),
            given.reports,
            given.offline,
            given.base,
            given.yes,
            given.pipeline,
        )
        return COMMANDS[given.command](session)
    except ToolchainError as error:
        print(f"make {given.command}: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print(f"\nmake {given.command}: interrupted", file=sys.stderr)
        return 130
