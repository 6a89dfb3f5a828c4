"""The commands that README.md and docs/ show for the local cloud, run as a reader runs them: page by page, each page in one shell."""

from __future__ import annotations

import subprocess
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from tests.docs.fences import Block, blocks, pages

if TYPE_CHECKING:
    from pathlib import Path

    from tests.e2e.conftest import Deploy
    from tests.e2e.deployment import Deployment

pytestmark = pytest.mark.e2e

WITH_COMMANDS = [page for page in pages() if any(block.mark == "run" for block in blocks(page))]
README = WITH_COMMANDS[0]
PATIENCE = 240  # real seconds for a page: a safety net
READER = {
    f"GIT_{who}_{what}": value
    for who in ("AUTHOR", "COMMITTER")
    for what, value in (("NAME", "A reader"), ("EMAIL", "reader@example.com"))
}


@pytest.fixture(scope="module")
def clone(deploy: Deploy) -> Deployment:
    """A clone that a reader has just made: with a history, and with nothing deployed."""
    deployment = deploy("documentation", speed=10)
    for command in (("init", "--quiet"), ("add", "--all"), ("commit", "--quiet", "--message", "As cloned")):
        subprocess.run(["git", *command], cwd=deployment.root, check=True, env={**deployment.env, **READER})
    return deployment


@pytest.fixture(scope="module")
def deployed(clone: Deployment) -> Deployment:
    """The clone after its README was followed; each page leaves the service as it found it, so that their order does not matter."""
    _follow(clone, README)
    return clone


def test_the_readme_can_be_followed_from_a_fresh_clone(deployed: Deployment) -> None:
    deployed.pulumi("preview", "-s", "local", "--expect-no-changes")


@pytest.mark.parametrize("page", WITH_COMMANDS[1:], ids=lambda page: str(page.stem))
def test_what_a_page_shows_can_be_done(deployed: Deployment, page: Path) -> None:
    _follow(deployed, page)


def _follow(deployment: Deployment, page: Path) -> None:
    """Run a page's commands in one shell, as a reader's terminal would: the README's from nothing, the others' after it.

    Returns when every instance is back that the page had killed, and all are at rest.
    """
    commands = [block for block in blocks(page) if block.mark == "run"]
    first = page == README
    env = deployment.env if first else deployment.exports()
    start = 0 if first else deployment.last_event()
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", _script(commands)],
        cwd=deployment.root,
        env={**env, **READER},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    print(done.stdout)
    assert done.returncode == 0, (
        f"{page.name} ended with {done.returncode}; the last block begun is the one:\n{done.stdout}"
    )
    begun = [line for line in done.stdout.splitlines() if line.startswith("== ")]
    assert begun == [f"== {block.place}" for block in commands], "every block ran, and none was skipped"
    for event in deployment.events(start):
        if event["kind"] == "operator.kill":
            back = partial(_tells_of, "instance.ready", event["subject"])
            deployment.wait_for(back, event["seq"], f"{event['subject']} back in service")
    deployment.wait_until_healthy(3)


def _tells_of(kind: str, subject: str, event: dict[str, Any]) -> bool:
    return bool(event["kind"] == kind and event["subject"] == subject)


def _script(commands: list[Block]) -> str:
    return "\n".join(f"printf '\\n== %s\\n' '{block.place}'\n{block.text}" for block in commands)
