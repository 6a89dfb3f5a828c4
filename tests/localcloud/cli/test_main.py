"""The command line: what is ours, what is the instance's, and what a person is told when nothing runs."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from localcloud.cli import commands, main
from localcloud.daemon.config import CloudConfig
from localcloud.guest.session import GuestSession, SessionError
from localcloud.home import Home

if TYPE_CHECKING:
    import argparse
    from pathlib import Path


@pytest.fixture(autouse=True)
def nothing_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOCALCLOUD_HOME", str(tmp_path))


@pytest.mark.parametrize(
    "words",
    [
        ["status"],
        ["instances"],
        ["events"],
        ["ssh", "web-x"],
        ["logs", "web-x"],
        ["kill", "web-x"],
        ["hang", "web-x", "--seconds", "3"],
        ["client"],
        ["fault", "list"],
        ["fault", "clear", "--all"],
        ["fault", "add", "partition", "--between", "all", "--and", "client"],
        ["fault", "add", "slow", "--instance", "all", "--milliseconds", "10"],
        ["fault", "add", "zone-outage", "--zone", "europe-west1-b"],
    ],
)
def test_without_a_cloud_every_command_says_how_to_start_one(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main.main(words) == 1
    assert "start it with: localcloud start" in capsys.readouterr().err
    assert main.main([*words, "--json"]) == 1
    assert "start it with: localcloud start" in json.loads(capsys.readouterr().out)["error"]["message"]


def test_somebody_elses_token_is_not_for_gcloud(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("localcloud.daemon.config.CloudConfig.load", lambda _: object())
    assert main.main(["env", "--gcloud", "--as", "web@p.iam.gserviceaccount.com"]) == 1
    assert "--impersonate-service-account" in capsys.readouterr().err


def test_env_without_a_cloud_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    assert main.main(["env"]) == 1
    assert "no local cloud was ever started" in capsys.readouterr().err


def test_env_of_a_cloud_that_does_not_run_holds_and_says_so_beside_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    CloudConfig.load_or_create(Home(tmp_path))
    assert main.main(["env"]) == 0
    said = capsys.readouterr()
    assert all(line.startswith("export ") for line in said.out.splitlines())
    assert said.err.startswith("localcloud: this cloud does not run")
    assert "start it with: make up" in said.err
    assert main.main(["env", "--json"]) == 0
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("words", "argv", "as_json"),
    [
        (["ssh", "web-x", "--", "ls", "--json", "-l"], ["ls", "--json", "-l"], False),
        (["ssh", "web-x", "--json", "--", "false"], ["false"], True),
        (["ssh", "web-x", "--", "sh", "-c", "a -- b"], ["sh", "-c", "a -- b"], False),
        (["ssh", "web-x", "--", "env", "--", "x"], ["env", "--", "x"], False),
        (["ssh", "web-x"], [], False),
    ],
)
def test_what_stands_behind_two_dashes_is_the_instances(
    words: list[str], argv: list[str], as_json: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[tuple[list[str], bool]] = []

    def ssh(_: Home, given: argparse.Namespace) -> int:
        seen.append((given.argv, given.json))
        return 0

    monkeypatch.setattr(commands, "ssh", ssh)
    assert main.main(words) == 0
    assert seen == [(argv, as_json)]


def test_an_instance_that_cannot_be_reached_is_a_message_not_a_traceback(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def serial_output(_: GuestSession) -> bytes:
        msg = "instance 7 is not running"
        raise SessionError(msg)

    monkeypatch.setattr(commands, "_instance", lambda _home, name: {"id": "7", "name": name})
    monkeypatch.setattr(GuestSession, "serial_output", serial_output)
    assert main.main(["logs", "web-x"]) == 1
    assert capsys.readouterr().err == "localcloud: instance 7 is not running\n"
