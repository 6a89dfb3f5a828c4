"""What the serial port tells of the start-up script, in the guest agent's words."""

from __future__ import annotations

from scripts.diagnosis.serial_log import ScriptRun, last_run

PREFIX = "Nov 23 06:24:01 web-0l7u google_metadata_script_runner[4]: "


def log(*lines: str) -> str:
    return "".join(f"{PREFIX}{line}\r\n" for line in lines)


def read(*lines: str) -> ScriptRun:
    found = last_run(log("Starting startup scripts (version 20251120.00).", *lines))
    assert found is not None
    return found


def test_no_run_is_no_run() -> None:
    assert last_run("Nov 23 06:24:01 web-0l7u systemd[1]: Reloading.\r\n") is None


def test_a_good_run() -> None:
    run = read(
        "Found startup-script-url in metadata.",
        "startup-script-url: mig-nlb.service runs gs://b/service.py on port 8080 (changed: yes)",
        "startup-script-url exit status 0",
        "Finished running startup scripts.",
    )
    assert run.succeeded
    assert (run.exit_status, run.port, run.refused, run.absent) == (0, 8080, "", "")
    assert run.tail[-1] == "Finished running startup scripts."


def test_a_script_that_exits_1() -> None:
    run = read(
        "startup-script-url: error: no disk",
        'Script "startup-script-url" failed with error: exit status 1',
        "Finished running startup scripts.",
    )
    assert (run.succeeded, run.failure, run.exit_status) == (False, "exit status 1", 1)
    assert "startup-script-url: error: no disk" in run.tail


def test_a_script_that_could_not_be_read() -> None:
    run = read(
        "Failed to download object [startup.sh] from GCS bucket [b], err: error reading object: googleapi: Error 403: web-vm@demo "
        "does not have storage.objects.get access to the Google Cloud Storage object., forbidden",
        'Script "startup-script-url" failed with error: unable to write script to file: bad status: 403 Forbidden',
    )
    assert "Error 403" in run.refused
    assert run.exit_status is None
    assert run.failure.startswith("unable to write script")
    assert not run.finished


def test_a_script_that_is_not_there() -> None:
    assert read(
        'error reading object "startup.sh": googleapi: Error 404: No such object: b/startup.sh'
    ).absent


def test_an_answer_that_never_came() -> None:
    run = read(
        "Failed to download object [startup.sh] from GCS bucket [b], err: error reading object: Get "
        '"https://storage.googleapis.com/b/startup.sh": dial tcp 142.250.1.207:443: i/o timeout',
        'Script "startup-script-url" failed with error: unable to write script to file: context deadline exceeded',
    )
    assert "i/o timeout" in run.unreachable
    assert (run.refused, run.absent) == ("", "")
    own = read('startup-script: Get "https://example.com/": dial tcp: i/o timeout')
    assert not own.unreachable, "what the script itself asks somebody else is its own affair"


def test_only_the_last_run_counts() -> None:
    earlier = log(
        "Starting startup scripts (version 1).", 'Script "startup-script" failed with error: exit status 1'
    )
    later = log(
        "Starting startup scripts (version 1).",
        "startup-script exit status 0",
        "Finished running startup scripts.",
    )
    run = last_run(earlier + later)
    assert run is not None
    assert run.succeeded


def test_a_services_own_word_on_its_port_counts() -> None:
    text = (
        log("Starting startup scripts (version 1).")
        + "Nov 23 06:24:02 web python3[32]: listening on port 9090\r\n"
    )
    run = last_run(text)
    assert run is not None
    assert run.port == 9090


def test_escape_sequences_are_made_harmless() -> None:
    assert "\x1b" not in "".join(read("startup-script: \x1b[2Jgone").tail)
