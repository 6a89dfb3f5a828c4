"""`doctor shell` runs the two commands, the one that changes the instance only where somebody said so."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from scripts.diagnosis import shell
from scripts.diagnosis.google_api import CannotLookError, GoogleApi

ZONE = "projects/p/zones/europe-west1-b"
JOURNAL = "--command=sudo journalctl --no-pager -u google-startup-scripts.service"
RERUN = "--command=sudo google_metadata_script_runner startup"
SHELL = "--project=p"


@dataclass
class Terminal:
    """What ran on the instance (the last argument of each command line), what was asked, and the replies left."""

    monkeypatch: pytest.MonkeyPatch
    ran: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    replies: list[str] = field(default_factory=list)

    def open(self, *replies: str, attended: bool, rerun: bool = False, name: str = "web-1") -> int:
        self.replies[:] = replies
        self.monkeypatch.setattr("sys.stdin.isatty", lambda: attended)
        self.monkeypatch.setattr("sys.stdout.isatty", lambda: attended)
        api = GoogleApi(endpoints={"compute": "https://compute/compute/v1/"}, token="")
        return shell.open_shell(api, f"{ZONE}/instanceGroupManagers/web", name, rerun=rerun, tunnel=False)

    def run(self, command: list[str]) -> int:
        """Exit with how many have run."""
        self.ran.append(command[-1])
        return len(self.ran)

    def ask(self, question: str) -> str:
        self.asked.append(question)
        return self.replies.pop(0)


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    managed = [{"instance": f"https://compute/compute/v1/{ZONE}/instances/web-1"}]
    monkeypatch.setattr(GoogleApi, "items", lambda *_, **__: managed)
    terminal = Terminal(monkeypatch)
    monkeypatch.setattr(shell, "_run", terminal.run)
    monkeypatch.setattr("builtins.input", terminal.ask)
    return terminal


def test_without_a_terminal_the_journal_is_all(terminal: Terminal) -> None:
    assert terminal.open(attended=False) == 1
    assert (terminal.ran, terminal.asked) == ([JOURNAL], [])


def test_without_a_terminal_the_script_runs_again_where_that_is_asked_for(terminal: Terminal) -> None:
    assert terminal.open(attended=False, rerun=True) == 2
    assert (terminal.ran, terminal.asked) == ([JOURNAL, RERUN], [])


@pytest.mark.parametrize(
    ("replies", "ran"),
    [
        (("", "n"), [JOURNAL]),
        (("no", "n"), [JOURNAL]),
        (("y", "n"), [JOURNAL, RERUN]),
        ((" Yes", "no"), [JOURNAL, RERUN]),
        (("", ""), [JOURNAL, SHELL]),
        (("y", "y"), [JOURNAL, RERUN, SHELL]),
    ],
)
def test_at_a_terminal_both_are_asked(terminal: Terminal, replies: tuple[str, ...], ran: list[str]) -> None:
    commands = sum(command != SHELL for command in ran)
    assert terminal.open(*replies, attended=True) == commands, "a shell's own status is nobody's concern"
    assert terminal.ran == ran
    again, offer = terminal.asked
    assert again == "Run the start-up script again (sudo google_metadata_script_runner startup)? [y/N] "
    assert offer == "Open a shell on web-1? [Y/n] "


def test_what_was_said_already_is_not_asked(terminal: Terminal) -> None:
    terminal.open("n", attended=True, rerun=True)
    assert terminal.ran == [JOURNAL, RERUN]
    assert terminal.asked == ["Open a shell on web-1? [Y/n] "]


def test_an_instance_of_another_group_is_named_with_those_there_are(terminal: Terminal) -> None:
    with pytest.raises(CannotLookError, match="instance web-9 is not in web; its instances are: web-1"):
        terminal.open(attended=False, name="web-9")
    assert not terminal.ran
