"""The script runner says what the guest agent's says, line by line, also where it is run by hand and where something is in its way."""

from __future__ import annotations

import re
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

import pytest

from localcloud.guest.init import download, metadata
from localcloud.guest.init.runner_settings import RunnerSettings
from tests.localcloud.guest.cloud import Cloud, in_cloud
from tests.serving import serving

if TYPE_CHECKING:
    from pathlib import Path

NONE_LEFT = "exhausted all (3) retries, last error: "


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("gs://b/o\n", r'parse "gs://b/o\n": net/url: invalid control character in URL'),
        (" gs://b/o", 'parse " gs://b/o": first path segment in URL cannot contain colon'),
        ("ftp://b/o", 'Get "ftp://b/o": unsupported protocol scheme "ftp"'),
        ("b/o", 'Get "b/o": unsupported protocol scheme ""'),
    ],
)
def test_url_that_cannot_be_fetched_is_told_in_the_words_of_go(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, url: str, said: str
) -> None:
    monkeypatch.setattr("localcloud.guest.init.download.socket.getaddrinfo", lambda *_: [])
    pauses: list[float] = []
    monkeypatch.setattr("localcloud.guest.init.download.time.sleep", pauses.append)
    with pytest.raises(OSError, match=re.escape(NONE_LEFT + said) + "$"):
        download.to_file(url, str(tmp_path / "script"), pytest.fail)
    assert pauses == [1.0, 1.0]


def test_name_that_cannot_be_looked_up_is_waited_for(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def unknown(*_: object) -> None:
        raise OSError("no such host")

    monkeypatch.setattr("localcloud.guest.init.download.socket.getaddrinfo", unknown)
    pauses: list[float] = []
    monkeypatch.setattr("localcloud.guest.init.download.time.sleep", pauses.append)
    said = (
        '"storage.googleapis.com" lookup failed, err: exhausted all (20) retries, '
        "last error: lookup storage.googleapis.com: no such host"
    )
    with pytest.raises(OSError, match=re.escape(said) + "$"):
        download.to_file("gs://b/o", str(tmp_path / "script"), pytest.fail)
    assert pauses == [5.0] * 19


class Refusing(BaseHTTPRequestHandler):
    """A metadata server that gives nothing away."""

    status: int
    asked: list[str]

    def do_GET(self) -> None:
        """Answer."""
        self.asked.append(self.path)
        self.send_response(self.status)
        self.end_headers()
        self.wfile.write(b"no")

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.mark.parametrize(
    ("status", "tries", "ending"),
    [
        (404, 1, "giving up, retry policy returned false on error: "),
        (503, 100, "exhausted all (100) retries, last error: "),
    ],
)
def test_metadata_server_that_refuses_is_asked_as_often_as_the_agent_asks(
    monkeypatch: pytest.MonkeyPatch, status: int, tries: int, ending: str
) -> None:
    asked: list[str] = []
    handler = type("Ours", (Refusing,), {"status": status, "asked": asked})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    monkeypatch.setattr(metadata, "ADDRESS", server.server_address)
    monkeypatch.setattr("localcloud.guest.init.metadata.time.sleep", lambda _: None)
    with server, serving(server), pytest.raises(metadata.MetadataError) as caught:
        metadata.attributes("instance", ["startup-script"])
    assert str(caught.value) == (
        f'unable to get "/instance/attributes" from MDS, with recursive flag set to true: {ending}request failed with status code: '
        f"[{status}], error: [invalid response from metadata server, status code: {status}, reason: no]"
    )
    assert len(asked) == tries


def test_settings_are_those_of_the_last_file_that_says_them(tmp_path: Path) -> None:
    first, last = tmp_path / "cfg.distro", tmp_path / "cfg"
    first.write_text("[MetadataScripts]\nstartup = false\nrun_dir = /run/a\n[Other]\nshutdown = false\n")
    last.write_text("# mine\n[MetadataScripts]\nrun_dir = /run/b\n;shutdown = false\n")
    settings = RunnerSettings((str(first), str(tmp_path / "none"), str(last)))
    assert (settings.folder, settings.shell) == ("/run/b", "/bin/bash")
    assert not settings.runs("startup")
    assert settings.runs("shutdown")


@pytest.mark.kernel
@in_cloud
async def test_run_by_hand_it_says_line_by_line_what_it_says_on_google_cloud(cloud: Cloud) -> None:
    await cloud.put_object("startup.sh", "#!/bin/bash\npwd\necho it is $0 >&2\nexit 4\n")
    await cloud.allow_reading()
    spec = await cloud.boot("echo booted")
    await cloud.settled(spec)
    cloud.set_metadata(spec, {"startup-script-url": "gs://scripts/startup.sh"})
    configured = "printf '[MetadataScripts]\\nrun_dir = /run\\n' > /etc/default/instance_configs.cfg"
    said = await cloud.said(
        spec, f"mkdir -p /etc/default; {configured}; cd /opt; google_metadata_script_runner startup; echo $?"
    )
    lines = said.splitlines()
    assert lines[2] == "startup-script-url: /opt", "it has the folder it was called in"
    assert re.fullmatch(r"startup-script-url: it is /run/metadata-scripts\d+/startup-script-url", lines[3])
    assert lines[4:] == [
        'Script "startup-script-url" failed with error: exit status 4',
        "Finished running startup scripts.",
        "0",
    ]
    refused = await cloud.said(
        spec,
        "printf '[MetadataScripts]\\nstartup = no\\n' > /etc/default/instance_configs.cfg\n"
        "google_metadata_script_runner startup; echo $?; google_metadata_script_runner shutdown; echo $?\n"
        "google_metadata_script_runner --help; echo $?",
    )
    lines = refused.splitlines()
    assert lines[:2] == ["startup scripts disabled in instance config", "2"]
    assert lines[3:5] == ["No shutdown scripts to run.", "0"]
    assert lines[5:] == [
        'no valid arguments specified. Specify one of "startup", "shutdown" or "specialize"',
        "2",
    ]
