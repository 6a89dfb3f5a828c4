"""Services of every kind and what becomes of them, as systemd.service(5) has it: shell scripts, and what they must print."""

from __future__ import annotations

# `unit NAME` writes a unit of what follows; `became NAME STATE` waits until its SubState is that; `said NAME` prints its own words.
FUNCTIONS = r"""
exec 2>&1
unit() { cat > /etc/systemd/system/$1.service; }
is() { systemctl show -P "$2" "$1"; }
became() { until [ "$(is $1 SubState)" = "$2" ]; do sleep 0.02; done; }
alive() { kill -0 $(cat /run/$1 2>/dev/null) 2>/dev/null && echo $1 lives; }
said() { journalctl -qu $1 -o cat | grep -v "^Start\|^Stop\|no effect"; }
"""

CASES = {
    "a forking service's main process is the one in its PID file, however late that comes": (
        r"""
unit a <<'END'
[Service]
Type=forking
PIDFile=a.pid
ExecStart=/bin/sh -c 'setsid sleep 1000 & echo $! > /run/a.later'
END
mkfifo /run/a.go; (read x < /run/a.go; mv /run/a.later /run/a.pid) & systemctl start a & start=$!
until journalctl -qu a -o cat | grep -o 'PID file a.pid (yet?) after start'; do sleep 0.02; done
is a ActiveState; echo > /run/a.go; wait $start; is a ActiveState
[ $(is a MainPID) = $(cat /run/a.pid) ] && echo main; systemctl stop a; ls /run/a.pid
""",
        "PID file a.pid (yet?) after start\nactivating\nactive\nmain\nls: cannot access '/run/a.pid': No such file or directory\n",
    ),
    "one that leaves nothing behind, or no PID file, has failed": (
        r"""
printf '[Service]\nType=forking\nPIDFile=b.pid\nExecStart=/bin/true\n' | unit b; systemctl start b |& head -1; is b Result
limit='PIDFile=b.pid\nTimeoutStartSec=50ms'
printf "[Service]\nType=forking\n$limit\n"'ExecStart=/bin/sh -c "setsid sleep 1000 & echo $! > /run/b"\n' | unit b
systemctl daemon-reload; systemctl start b |& head -1; is b Result; alive b
""",
        (
            "Job for b.service failed because the service did not take the steps required by its unit configuration.\nprotocol\n"
            "Job for b.service failed because a timeout was exceeded.\ntimeout\n"
        ),
    ),
    "one that leaves several behind has no main process, and is over when all of them have gone": (
        r"""
two='setsid sleep 1000 & echo $! > /run/c1; setsid sleep 1000 & echo $! > /run/c2'
printf '[Service]\nType=forking\nExecStart=/bin/sh -c "%s"\n' "$two" | unit c; systemctl start c
is c MainPID; kill $(cat /run/c1)
while alive c1 > /dev/null; do sleep 0.02; done; is c ActiveState; kill $(cat /run/c2); became c dead; is c Result
""",
        "0\nactive\nsuccess\n",
    ),
    "stop commands run for what ends by itself too, but not for what never started; those after the stop are told how it ended": (
        r"""
unit d <<'END'
[Service]
ExecStartPre=/bin/sh -c 'test ! -e /run/d.no'
ExecStart=/bin/sh -c 'echo up; exec sleep 1000'
ExecStop=/bin/sh -c 'echo stop of "<$$MAINPID>"'
ExecStopPost=/bin/sh -c 'echo $SERVICE_RESULT $EXIT_CODE $EXIT_STATUS'
END
systemctl start d; until said d | grep -qx up; do sleep 0.02; done; kill -9 $(is d MainPID); became d failed
touch /run/d.no; systemctl start d; said d
""",
        (
            "Job for d.service failed because the control process exited with error code.\n"
            'See "systemctl status d.service" and "journalctl -xeu d.service" for details.\n'
            "up\nd.service: Main process exited, code=killed, status=9/KILL\nstop of <>\nsignal killed KILL\n"
            "d.service: Failed with result 'signal'.\nd.service: Control process exited, code=exited, status=1/FAILURE\nexit-code\n"
            "d.service: Failed with result 'exit-code'.\nFailed to start d.service.\n"
        ),
    ),
    "what does not end by the signal is killed after the time that it has, what stands still is woken, and both have failed or not": (
        r"""
printf '[Service]\nExecStart=/bin/sh -c "trap : TERM; while :; do sleep 1000 & wait; done"\nTimeoutStopSec=100ms\n' | unit e
systemctl start e; until pgrep -f 'sleep 1000' > /dev/null; do sleep 0.02; done; systemctl stop e; is e Result
printf '[Service]\nExecStart=/bin/sleep 1000\n' | unit f; systemctl start f; kill -STOP $(is f MainPID); systemctl stop f; is f Result
printf '[Service]\nExecStart=/bin/sh -c "trap \\"exit 143\\" TERM; echo up; while :; do sleep 0.02; done"\n' | unit g
systemctl start g; until said g | grep -qx up; do sleep 0.02; done; systemctl stop g; is g Result
sed -i '$a SuccessExitStatus=143' /etc/systemd/system/g.service; systemctl daemon-reload; systemctl start g
until [ $(said g | grep -cx up) = 2 ]; do sleep 0.02; done; systemctl stop g; is g Result
""",
        "timeout\nsuccess\nexit-code\nsuccess\n",
    ),
    "KillMode= says who goes with the main process, oneshots' children included": (
        r"""
kind='[Service]\nType=oneshot\nKillMode=%s\nExecStart=/bin/sh -c "setsid sleep 1000 & echo $! > /run/%s"\n'
printf "$kind" process h | unit h; systemctl start h; alive h; kill $(cat /run/h)
printf "$kind" control-group i | unit i; systemctl start i; alive i
printf '[Service]\nKillMode=none\nExecStart=/bin/sleep 1000\n' | unit j; systemctl start j; is j MainPID > /run/j; systemctl stop j
alive j; kill $(cat /run/j); is j ActiveState
""",
        "h lives\nj lives\ninactive\n",
    ),
    "Restart= asks how it ended, some statuses stand above it, and OnFailure= is for the last end": (
        r"""
printf '[Service]\nExecStart=/bin/true\nRestart=on-failure\n' | unit k; systemctl start k; became k dead; is k NRestarts
printf '[Unit]\nStartLimitIntervalSec=1h\n[Service]\nExecStart=/bin/sh -c "kill -KILL $$$$"\nRestart=on-abort\nRestartSec=1ms\n' | unit l
systemctl start l; became l failed; is l Result; is l NRestarts; said l | tail -3 | head -1
systemctl reset-failed l; systemctl is-active l
printf '[Unit]\nOnFailure=n.service\n[Service]\nExecStart=/bin/sh -c "exit 7"\nRestart=always\nRestartPreventExitStatus=7\n' | unit m
printf '[Service]\nType=oneshot\nRemainAfterExit=yes\nExecStart=/bin/true\n' | unit n
systemctl start m; became n exited; is m NRestarts
""",
        "0\nstart-limit-hit\n5\nl.service: Start request repeated too quickly.\ninactive\n0\n",
    ),
    "commands around the start are waited for, and a condition leaves the unit alone": (
        r"""
printf '[Service]\nExecStart=/bin/sleep 1000\nExecStartPost=/bin/sh -c "echo main is $MAINPID; exit 3"\n' | unit o
systemctl start o |& head -1; is o ActiveState; said o | grep -c 'main is [0-9]'
printf '[Service]\nExecCondition=/bin/false\nExecStart=/bin/sleep 1000\n' | unit p; systemctl start p; echo $?; is p ActiveState
""",
        "Job for o.service failed because the control process exited with error code.\nfailed\n1\n0\ninactive\n",
    ),
    "output goes where it is to go, and where that cannot be the command fails and nothing else": (
        r"""
printf '[Service]\nType=oneshot\nExecStart=/bin/echo out\nStandardOutput=append:/run/q.log\n' | unit q
systemctl start q; systemctl start q; cat /run/q.log
printf '[Service]\nType=oneshot\nExecStart=/bin/echo out\nStandardOutput=file:/none/q.log\n' | unit r
systemctl start r |& head -1; is r ExecMainStatus; said r | head -1; systemctl is-active multi-user.target
""",
        (
            "out\nout\nJob for r.service failed because the control process exited with error code.\n209\n"
            "r.service: Failed at step STDOUT spawning /bin/echo: /none/q.log: No such file or directory\nactive\n"
        ),
    ),
    "how many files a service may have open is as it says, up to what the machine allows": (
        r"""
printf '[Service]\nType=oneshot\nLimitNOFILE=512\nExecStart=/bin/sh -c "ulimit -n"\n' | unit t; systemctl start t; said t | head -1
""",
        "512\n",
    ),
    "a service that says which its main process is, is followed there": (
        r"""
unit s <<'END'
[Service]
Type=notify
NotifyAccess=all
Restart=on-failure
RestartSec=1h
ExecStart=/bin/sh -c 'setsid sleep 1000 & systemd-notify MAINPID=$! && systemd-notify --ready; read x < /run/s.go'
END
mkfifo /run/s.go; systemctl start s; ps -o args= -p $(is s MainPID); echo > /run/s.go; is s ActiveState
kill -9 $(is s MainPID); became s auto-restart; is s Result; systemctl stop s; is s ActiveState
""",
        "sleep 1000\nactive\nsignal\ninactive\n",
    ),
}
