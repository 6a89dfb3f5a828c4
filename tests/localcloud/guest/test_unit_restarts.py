"""Stopping and starting again: what belongs to a unit's earlier run is over before the next begins, and changes nothing of it."""

from __future__ import annotations

import pytest

from tests.localcloud.guest.cloud import Cloud, in_cloud

pytestmark = pytest.mark.kernel

# A server as Apache is one: its command leaves when the server has gone into the background, and who is told to end may take a while.
SERVER = """
cat > /opt/server.py <<'END'
import os, pathlib, signal, sys, time
if os.fork():
    os._exit(0)
os.setsid()
def leave(*_):
    pathlib.Path("/run/asked").touch()
    while os.path.exists("/run/hold"):
        time.sleep(0.01)
    os._exit(0)
signal.signal(signal.SIGTERM, leave)
pathlib.Path("/run/server").write_text(str(os.getpid()))
while True:
    time.sleep(1000)
END
printf '[Service]\\nType=forking\\nKillMode=%s\\nExecStart=/usr/bin/python3 /opt/server.py\\n' MODE > /etc/systemd/system/server.service
systemctl start server
until test -s /run/server; do sleep 0.02; done
"""

# The init is held up while it reads a unit's file, as a busy machine holds it up anywhere, until descriptor 9 is closed.
HOLD_UP = """
mkfifo /run/systemd/system/held.service
systemctl start held 2>/dev/null &
exec 9> /run/systemd/system/held.service
"""


@pytest.mark.parametrize("mode", ["mixed", "control-group"])
def test_end_of_a_process_that_the_init_learns_of_late_is_no_end_of_the_next_run(mode: str) -> None:
    @in_cloud
    async def story(cloud: Cloud) -> None:
        spec = await cloud.boot()
        await cloud.settled(spec)
        said = await cloud.said(
            spec,
            f"{SERVER.replace('MODE', mode)}\n"
            "old=$(cat /run/server); touch /run/hold; systemctl restart server & restart=$!\n"
            "until test -e /run/asked; do sleep 0.02; done\n"
            f"{HOLD_UP}\n"
            "rm /run/hold /run/server\n"
            "until grep -q 'State:.Z' /proc/$old/status; do sleep 0.02; done\n"
            "sleep 0.1; exec 9>&-; wait $restart; echo restarted $?\n"
            "until test -s /run/server || ! systemctl -q is-active server; do sleep 0.02; done\n"
            '[ $(systemctl show server -p MainPID --value) = "$(cat /run/server)" ] && echo its own\n'
            "systemctl is-active server; kill -0 $(cat /run/server) && echo runs",
        )
        assert said == "restarted 0\nits own\nactive\nruns\n"

    story()
