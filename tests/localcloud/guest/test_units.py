"""systemctl, journalctl and their like behave as people know them from Debian."""

from __future__ import annotations

import re

import pytest

from tests.localcloud.guest.cloud import Cloud, in_cloud

pytestmark = pytest.mark.kernel

WEB = """
cat > /etc/systemd/system/web.service <<'END'
[Unit]
Description=Sample web
After=network-online.target
Wants=network-online.target
StartLimitIntervalSec=0

[Service]
Environment=PORT=8080 "GREETING=hello world"
EnvironmentFile=-/etc/default/web
WorkingDirectory=/opt
ExecStartPre=/bin/echo preparing ${PORT}
ExecStart=/usr/bin/python3 -u -c "import os, time; print(os.environ['GREETING'], os.getcwd()); time.sleep(1000)"
Restart=on-failure
RestartSec=20ms
ProtectSystem=strict

[Install]
WantedBy=multi-user.target
END
"""


async def eventually(cloud: Cloud, spec_name: str, condition: str) -> None:
    """Wait in the instance until a shell condition holds."""
    await cloud.said(cloud.specs[spec_name], f"until {condition}; do sleep 0.02; done")


@in_cloud
async def test_unit_of_a_startup_script_is_enabled_started_shown_and_stopped(cloud: Cloud) -> None:
    spec = await cloud.boot(
        f"#!/bin/bash\nset -e\n{WEB}\nsystemctl daemon-reload\nsystemctl enable --now web\n"
    )
    journal = await cloud.settled(spec)
    link = "/etc/systemd/system/multi-user.target.wants/web.service"
    assert f"startup-script: Created symlink {link} → /etc/systemd/system/web.service." in journal
    assert await cloud.said(spec, "systemctl is-active web; systemctl is-enabled web") == "active\nenabled\n"
    await eventually(cloud, spec.name, "journalctl -u web -o cat | grep -q hello")
    status = await cloud.said(spec, "systemctl status web --no-pager; echo exit $?")
    assert "● web.service - Sample web\n" in status
    assert "Loaded: loaded (/etc/systemd/system/web.service; enabled; preset: enabled)" in status
    assert re.search(r"Active: active \(running\) since .*; \d+s ago", status)
    assert re.search(r"Main PID: \d+ \(python3\)", status)
    assert re.search(r"(?m)^\w{3} \d\d [\d:]{8} web-x7k2 python3\[\d+\]: hello world /opt$", status)
    assert status.endswith("exit 0\n")
    lines = (await cloud.said(spec, "journalctl -u web --no-pager -o cat")).splitlines()
    assert lines[:2] == [
        "/etc/systemd/system/web.service:15: 'ProtectSystem' in section 'Service' has no effect on this machine, ignoring.",
        "Starting web.service - Sample web...",
    ]
    assert "preparing 8080" in lines
    assert await cloud.said(spec, "systemctl stop web; systemctl is-active web; echo $?") == "inactive\n3\n"
    assert (await cloud.said(spec, "pgrep -f GREETING")) == ""
    assert "Removed" in await cloud.said(spec, f"systemctl disable web; ls {link}")


@in_cloud
async def test_enabled_unit_comes_up_at_the_next_boot(cloud: Cloud) -> None:
    spec = await cloud.boot()
    await cloud.settled(spec)
    await cloud.said(spec, f"{WEB}\nsystemctl enable web")
    await cloud.machines.stop(spec.id, grace=30)
    await cloud.machines.start(spec)
    await cloud.settled(spec)
    assert await cloud.said(spec, "systemctl is-active web") == "active\n"


@in_cloud
async def test_killed_service_is_restarted_but_a_stopped_one_is_not(cloud: Cloud) -> None:
    spec = await cloud.boot(f"#!/bin/bash\n{WEB}\nsystemctl start web\n")
    await cloud.settled(spec)
    first = (await cloud.said(spec, "systemctl show web -p MainPID --value")).strip()
    await cloud.said(spec, f"kill -9 {first}")
    await eventually(
        cloud, spec.name, "[ $(systemctl show web -p NRestarts --value) = 1 ] && systemctl -q is-active web"
    )
    assert (await cloud.said(spec, "systemctl show web -p MainPID --value")).strip() != first
    said = await cloud.said(spec, "journalctl -u web -o cat")
    assert "web.service: Main process exited, code=killed, status=9/KILL" in said
    assert "web.service: Failed with result 'signal'." in said
    assert "web.service: Scheduled restart job, restart counter is at 1." in said
    await cloud.said(spec, "systemctl stop web")
    assert (
        await cloud.said(spec, "systemctl show web -p ActiveState,NRestarts")
        == "ActiveState=inactive\nNRestarts=1\n"
    )


@in_cloud
async def test_oneshot_failures_and_missing_things_are_reported_with_the_usual_statuses(cloud: Cloud) -> None:
    spec = await cloud.boot()
    await cloud.settled(spec)
    said = await cloud.said(
        spec,
        "printf '[Service]\\nType=oneshot\\nExecStart=/bin/false\\n' > /etc/systemd/system/one.service\n"
        "systemctl start one; echo $?; systemctl start nothing; echo $?; systemctl status nothing; echo $?\n"
        "printf '[Service]\\nExecStart=/no/such/thing\\n' > /etc/systemd/system/gone.service\n"
        "systemctl start gone; systemctl show gone -p Result,ExecMainStatus",
    )
    assert "Job for one.service failed because the control process exited with error code." in said
    assert "Failed to start nothing.service: Unit nothing.service not found.\n5\n" in said
    assert "Unit nothing.service could not be found.\n4\n" in said
    assert "Result=exit-code" in said
    assert "ExecMainStatus=203" in said


@in_cloud
async def test_daemons_that_fork_and_leave_children_belong_to_their_unit(cloud: Cloud) -> None:
    spec = await cloud.boot()
    await cloud.settled(spec)
    await cloud.said(
        spec,
        "cat > /opt/daemon <<'E'\n#!/bin/bash\nsetsid sleep 1234 </dev/null >/dev/null 2>&1 &\necho $! > /run/daemon.pid\nE\n"
        "chmod +x /opt/daemon\n"
        "printf '[Service]\\nType=forking\\nPIDFile=/run/daemon.pid\\nExecStart=/opt/daemon\\nRestart=always\\nRestartSec=1ms\\n' "
        "> /etc/systemd/system/d.service; systemctl start d",
    )
    pid = (await cloud.said(spec, "cat /run/daemon.pid")).strip()
    assert (await cloud.said(spec, "systemctl show d -p MainPID --value")).strip() == pid
    await cloud.said(spec, f"kill -9 {pid}")
    await eventually(cloud, spec.name, f"[ $(cat /run/daemon.pid) != {pid} ] && systemctl -q is-active d")
    assert await cloud.said(spec, "systemctl stop d; pgrep -x sleep; systemctl is-active d") == "inactive\n"


@in_cloud
async def test_systemd_run_logger_and_console_reach_the_journal_and_serial_port(cloud: Cloud) -> None:
    spec = await cloud.boot()
    await cloud.settled(spec)
    said = await cloud.said(
        spec,
        "systemd-run --unit job -p Restart=no --setenv A='b c' --wait /bin/sh -c 'echo $A \"$0\"' 'x y'\n"
        "logger -t tagged from logger\nlogger -p daemon.err -t grave seen on the console\necho plain > /dev/ttyS0\n",
    )
    assert said == (
        "Running as unit: job.service\nFinished with result: success\n"
        "Main processes terminated with: code=exited/status=0\n"
    )
    await eventually(cloud, spec.name, "journalctl -q -u job -o cat | grep -q 'b c x y'")
    await eventually(cloud, spec.name, "journalctl -q -t grave | grep -q seen")
    assert re.search(r"tagged\[\d+\]: from logger\n", await cloud.said(spec, "journalctl -t tagged"))
    assert await cloud.said(spec, "journalctl -p err -o cat") == "seen on the console\n"
    await eventually(cloud, spec.name, "true")
    serial = cloud.machines.serial_output(spec.id).decode()
    assert "seen on the console" in serial
    assert "from logger" not in serial


@in_cloud
async def test_unit_that_is_skipped_keeps_no_other_from_starting(cloud: Cloud) -> None:
    spec = await cloud.boot()
    unit = "printf '[Unit]\\nConditionPathExists={}\\n[Service]\\nExecStart=/bin/sleep 1000\\n' > /etc/systemd/system/{}.service"
    await cloud.said(
        spec, f"{unit.format('/none', 'a')}; {unit.format('/etc', 'b')}; {unit.format('/etc', 'c')}"
    )
    said = await cloud.said(spec, "systemctl daemon-reload; systemctl start a b c; systemctl is-active a b c")
    assert said == "inactive\nactive\nactive\n"
