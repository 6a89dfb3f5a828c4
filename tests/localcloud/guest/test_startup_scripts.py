"""Start-up and shutdown scripts run as Google's guest agent runs them, and say what it says."""

from __future__ import annotations

import asyncio
import re

import pytest

from tests.localcloud.guest.cloud import EMAIL, Cloud, in_cloud, until

pytestmark = pytest.mark.kernel
UNIT = "google-startup-scripts.service"


def messages(journal: str) -> list[str]:
    """Return the journal's messages without time, host and process."""
    return [line.split("]: ", 1)[1] for line in journal.splitlines()]


@in_cloud
async def test_script_in_the_metadata_runs_and_its_output_is_in_journal_and_on_the_serial_port(
    cloud: Cloud,
) -> None:
    spec = await cloud.boot("  \n#!/usr/bin/python3\nimport sys\nprint('hello', sys.version_info.major)\n")
    journal = await cloud.settled(spec)
    said = messages(journal)
    assert said[1:] == [
        said[1],
        "Found startup-script in metadata.",
        "startup-script: hello 3",
        "startup-script exit status 0",
        "Finished running startup scripts.",
        f"{UNIT}: Deactivated successfully.",
        f"Finished {UNIT} - Google Compute Engine Startup Scripts.",
    ]
    assert re.fullmatch(r"Starting startup scripts \(version \S+\)\.", said[1])
    line = r"[A-Z][a-z]{2} \d\d \d\d:\d\d:\d\d web-x7k2 google_metadata_script_runner\[\d+\]: startup-script: hello 3"
    assert re.search(f"(?m)^{line}$", journal)
    assert re.search(line, cloud.machines.serial_output(spec.id).decode())


@in_cloud
async def test_failing_script_is_told_and_fails_nothing_else(cloud: Cloud) -> None:
    spec = await cloud.boot("#!/bin/bash\necho on stderr >&2\nexit 3\n")
    said = messages(await cloud.settled(spec))
    assert "startup-script: on stderr" in said
    assert 'Script "startup-script" failed with error: exit status 3' in said
    assert f"{UNIT}: Deactivated successfully." in said
    assert (await cloud.said(spec, "systemctl is-system-running")) == "running\n"


@in_cloud
async def test_instance_without_scripts_says_so(cloud: Cloud) -> None:
    spec = await cloud.boot()
    assert "No startup scripts to run." in messages(await cloud.settled(spec))


@in_cloud
async def test_script_from_storage_is_fetched_with_the_instances_token(cloud: Cloud) -> None:
    await cloud.put_object("startup.sh", "#!/bin/bash\necho fetched\n")
    await cloud.allow_reading()
    spec = await cloud.boot_with(
        {"startup-script": "echo first", "startup-script-url": "gs://scripts/startup.sh"}
    )
    said = messages(await cloud.settled(spec))
    assert said.index("startup-script: first") < said.index("startup-script-url: fetched")
    assert "startup-script-url exit status 0" in said


@in_cloud
async def test_missing_permission_is_named_and_once_granted_the_current_script_runs(cloud: Cloud) -> None:
    await cloud.put_object("startup.sh", "#!/bin/bash\necho old\n")
    spec = await cloud.boot_with({"startup-script-url": "gs://scripts/startup.sh"})
    journal = await cloud.settled(spec)
    assert re.search(
        rf"Failed to download object \[startup\.sh\] from GCS bucket \[scripts\], err: exhausted all \(3\) retries, last error: "
        rf'error reading object "startup\.sh": googleapi: .*403.*{EMAIL} does not have '
        r"storage\.objects\.get access",
        journal,
    )
    said = messages(journal)
    assert "Trying unauthenticated download" in said
    assert (
        'Script "startup-script-url" failed with error: unable to write script to file: exhausted all (3) retries, '
        'last error: GET "https://storage.googleapis.com/scripts/startup.sh", bad status: 403 Forbidden'
    ) in said
    assert "storage.objects.get" in cloud.machines.serial_output(spec.id).decode()

    await cloud.allow_reading()
    await cloud.put_object("startup.sh", "#!/bin/bash\necho new\n")
    again = await cloud.said(spec, "sudo google_metadata_script_runner startup")
    assert "startup-script-url: new\nstartup-script-url exit status 0\n" in again
    assert "old" not in again
    assert (await cloud.said(spec, "ls /tmp")) == "", "the script is never kept"


@in_cloud
async def test_background_child_that_keeps_the_output_keeps_the_unit_activating(cloud: Cloud) -> None:
    spec = await cloud.boot("#!/bin/bash\nmkfifo /tmp/end\n(read line < /tmp/end; echo late) &\necho early\n")
    await cloud.said(
        spec, "until test -p /tmp/end && journalctl -q -o cat | grep -q early; do sleep 0.02; done"
    )
    assert (await cloud.said(spec, f"systemctl is-active {UNIT}")) == "activating\n"
    await cloud.said(spec, "echo > /tmp/end")
    said = messages(await cloud.settled(spec))
    assert said.index("startup-script: late") < said.index("startup-script exit status 0")


@in_cloud
async def test_scripts_run_again_at_every_boot_and_the_disk_is_kept(cloud: Cloud) -> None:
    spec = await cloud.boot("#!/bin/bash\necho x >> /root/boots\necho boots: $(wc -l < /root/boots)\n")
    assert "boots: 1" in await cloud.settled(spec)
    await cloud.machines.stop(spec.id, grace=30)
    await cloud.machines.start(spec)
    assert "boots: 2" in await cloud.settled(spec)
    assert (await cloud.said(spec, f"journalctl -b -u {UNIT} -o cat")).count("boots:") == 1


@in_cloud
async def test_project_attributes_count_only_if_the_instance_has_no_script(cloud: Cloud) -> None:
    with cloud.store.transaction() as change:
        items = [{"key": "startup-script", "value": "echo from the project"}]
        change.put("compute/projects/local", {"commonInstanceMetadata": {"items": items}})
    with_own = await cloud.boot("echo my own", "with-own")
    without = await cloud.boot("", "without")
    assert "from the project" not in await cloud.settled(with_own)
    assert "startup-script: from the project" in await cloud.settled(without)


@in_cloud
async def test_shutdown_script_runs_before_the_machine_is_gone(cloud: Cloud) -> None:
    spec = await cloud.boot_with({"shutdown-script": "#!/bin/bash\necho bye > /root/bye\n"})
    await cloud.settled(spec)
    await cloud.machines.stop(spec.id, grace=30)
    assert spec.id not in cloud.machines.observe()
    assert (cloud.home.instance(spec.id) / "disk/root/bye").read_text() == "bye\n"
    assert "shutdown-script exit status 0" in cloud.machines.serial_output(spec.id).decode()
    await cloud.machines.forget(spec.id)
    assert not cloud.home.instance(spec.id).exists()


@in_cloud
async def test_shutdown_script_that_takes_longer_than_allowed_is_cut_off(cloud: Cloud) -> None:
    spec = await cloud.boot_with({"shutdown-script": "#!/bin/bash\necho begun > /root/begun\nsleep 1000\n"})
    await cloud.settled(spec)
    stopping = asyncio.ensure_future(cloud.machines.stop(spec.id, grace=90))
    begun = cloud.home.instance(spec.id) / "disk/root/begun"
    await until(begun.exists)
    assert not stopping.done()
    await cloud.clock.advance(90)
    await stopping
    assert spec.id not in cloud.machines.observe()


@in_cloud
async def test_guest_that_powers_itself_off_is_exited(cloud: Cloud) -> None:
    spec = await cloud.boot()
    await cloud.settled(spec)
    assert cloud.view(spec).state == "running"
    await cloud.said(spec, "sudo poweroff")
    await until(lambda: cloud.view(spec).state != "running")
    assert cloud.view(spec).state == "exited"


@in_cloud
async def test_reboot_runs_the_scripts_again_in_the_same_machine(cloud: Cloud) -> None:
    spec = await cloud.boot("#!/bin/bash\necho boot >> /root/boots\n")
    await cloud.settled(spec)
    await cloud.run(spec, "sudo reboot")
    boots = cloud.home.instance(spec.id) / "disk/root/boots"
    await until(lambda: boots.read_text() == "boot\nboot\n")
    assert cloud.view(spec).state == "running"


@in_cloud
async def test_instance_may_serve_on_the_metadata_servers_ports_itself(cloud: Cloud) -> None:
    spec = await cloud.boot()
    for port in (80, 443):
        await cloud.run(spec, f"cd /etc; python3 -m http.server {port} >/var/log/{port} 2>&1 </dev/null &")
        await cloud.said(
            spec, f"until curl -sf http://{spec.interface.address}:{port}/hostname; do sleep 0.05; done"
        )
    name = "curl -s -H Metadata-Flavor:Google http://169.254.169.254/computeMetadata/v1/instance/name"
    assert await cloud.said(spec, name) == spec.name
    assert "200" in await cloud.said(spec, "curl -sI http://127.0.0.1:443/hostname")


@in_cloud
async def test_what_goes_wrong_in_a_script_is_said_in_the_agents_words(cloud: Cloud) -> None:
    spec = await cloud.boot("#!/bin/bash\nprintf 'one\\r\\n\\ntwo'\nkill -KILL $$\n")
    said = messages(await cloud.settled(spec))
    assert said[said.index("startup-script: one") :][:4] == [
        "startup-script: one",
        "startup-script: ",
        "startup-script: two",
        'Script "startup-script" failed with error: signal: killed',
    ]
    longest = "head -c 65535 /dev/zero | tr '\\0' x; echo"
    cloud.set_metadata(
        spec, {"startup-script": f"{longest}; {longest.replace('65535', '65536')}; echo after"}
    )
    again = (await cloud.said(spec, "google_metadata_script_runner startup")).splitlines()
    assert again[2] == "startup-script: " + "x" * 65535
    assert again[3] == 'error while communicating with "startup-script" script: bufio.Scanner: token too long'
    assert "startup-script: after" not in again
    cloud.set_metadata(spec, {"sysprep-specialize-script": "echo specialized"})
    special = await cloud.said(spec, "google_metadata_script_runner specialize; echo $?")
    assert special.splitlines()[1:] == [
        "Found sysprep-specialize-script in metadata.",
        "sysprep-specialize-script: specialized",
        "sysprep-specialize-script exit status 0",
        "Finished running specialize scripts.",
        "0",
    ]
    usage = 'no valid arguments specified. Specify one of "startup", "shutdown" or "specialize"\n2\n'
    for words in ("", "boot", "startup again"):
        assert await cloud.said(spec, f"google_metadata_script_runner {words}; echo $?") == usage
