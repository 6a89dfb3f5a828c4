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


# Its first thread ends at the signal, and its process is a zombie then; another one has a port until it may end.
THREADS = """
cat > /opt/threads.py <<'END'
import ctypes, os, pathlib, signal, socket, threading, time
server = socket.create_server(("127.0.0.1", 8080))
def stay():
    while not os.path.exists("/run/leave"):
        time.sleep(0.01)
    os.unlink("/run/leave")
    os._exit(0)
threading.Thread(target=stay).start()
def leave(*_):
    ctypes.CDLL(None).syscall({"x86_64": 60, "aarch64": 93}[os.uname().machine], 0)
signal.signal(signal.SIGTERM, leave)
pathlib.Path("/run/server").touch()
while True:
    time.sleep(1000)
END
printf '[Service]\\nExecStart=/usr/bin/python3 /opt/threads.py\\n' > /etc/systemd/system/threads.service
systemctl start threads
until test -e /run/server; do sleep 0.02; done
"""


@in_cloud
async def test_process_whose_first_thread_has_ended_is_not_gone_while_another_has_its_port(
    cloud: Cloud,
) -> None:
    spec = await cloud.boot()
    await cloud.settled(spec)
    said = await cloud.said(
        spec,
        f"{THREADS}\npid=$(systemctl show -P MainPID threads)\nsystemctl restart threads & restart=$!\n"
        "until grep -q 'State:.Z' /proc/$pid/status; do sleep 0.02; done\n"
        "for i in 1 2 3 4 5; do systemctl show -P SubState threads; done\n"
        "rm /run/server; touch /run/leave; wait $restart; until test -e /run/server; do sleep 0.02; done\n"
        "journalctl -qu threads -o cat | grep Error",
    )
    assert said == "stop-sigterm\n" * 5


@pytest.mark.parametrize("rounds", [5, pytest.param(300, marks=pytest.mark.campaign)])
def test_server_that_is_started_again_and_again_has_its_port_each_time(rounds: int) -> None:
    """As Apache is: a command that leaves early, children that share its port, a stop command that only begins to stop."""

    @in_cloud
    async def story(cloud: Cloud) -> None:
        spec = await cloud.boot()
        await cloud.settled(spec)
        await cloud.said(spec, FLOCK)
        said = await cloud.said(
            spec,
            f"for i in $(seq {rounds}); do systemctl restart flock || echo not started\n"
            "until curl -sf http://127.0.0.1:8080/ > /run/answer; do systemctl -q is-active flock || break; done\n"
            '[ "$(cat /run/answer)" = "$(systemctl show -P MainPID flock)" ] || echo answered by "$(cat /run/answer)"; done\n'
            "journalctl -qu flock -o cat | grep 'Error\\|Failed\\|timed out'",
        )
        assert said == ""

    story()


FLOCK = """
cat > /opt/flock.py <<'END'
import os, signal, socket, sys, time
if sys.argv[1] == "stop":
    os.kill(int(open("/run/flock.pid").read()), signal.SIGUSR1)
    sys.exit()
if os.fork():
    os._exit(0)
os.setsid()
with open("/run/flock.pid", "w") as file:
    file.write(str(os.getpid()))
server = socket.create_server(("127.0.0.1", 8080))
children = []
for _ in range(4):
    child = os.fork()
    if not child:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        while True:
            connection, _ = server.accept()
            connection.recv(65536)
            answer = str(os.getppid())
            connection.sendall(f"HTTP/1.0 200 OK\\r\\nContent-Length: {len(answer)}\\r\\n\\r\\n{answer}".encode())
            connection.close()
    children.append(child)
def leave(*_):
    os._exit(0)
signal.signal(signal.SIGUSR1, leave)
signal.signal(signal.SIGTERM, leave)
while True:
    time.sleep(1000)
END
cat > /etc/systemd/system/flock.service <<'END'
[Unit]
StartLimitIntervalSec=0
[Service]
Type=forking
KillMode=mixed
ExecStart=/usr/bin/python3 /opt/flock.py start
ExecStop=/usr/bin/python3 /opt/flock.py stop
END
"""
