"""What an instance has of systemd's commands, one row for each, with what proves it.

The page docs/start-up-scripts.md has the table made here, and a test runs every row on an instance.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Row:
    """Commands as the page shows them, what becomes of them, a shell script that tries them, and what it must print (errors too)."""

    commands: str
    here: str
    script: str
    prints: str


# Units that the rows are tried with.
PREPARED = """
cat > /etc/systemd/system/web.service <<'END'
[Unit]
Description=Web
StartLimitIntervalSec=0
[Service]
ExecStart=/bin/sleep 1000
ExecReload=/bin/sh -c 'echo reloads $MAINPID'
[Install]
WantedBy=multi-user.target
END
printf '[Service]\\nType=oneshot\\nExecStart=/bin/sh -c "echo $GIVEN"\\n' > /etc/systemd/system/once.service
printf '[Timer]\\nOnActiveSec=10ms\\n' > /etc/systemd/system/soon.timer
printf '[Service]\\nType=oneshot\\nExecStart=/bin/true\\n' > /etc/systemd/system/soon.service
mkdir -p /opt/units; printf '[Service]\\nExecStart=/bin/sleep 1000\\n' > /opt/units/elsewhere.service
pid() { systemctl show -p MainPID --value "$1"; }
"""
_NO_OTHERS = "this machine has the system's own units only: no users' and no other machines'"

ROWS = (
    Row("`systemctl start`, `stop`, `restart`, `try-restart`", "as on Debian",
        "systemctl start web; a=$(pid web); systemctl restart web; [ $a != $(pid web) ] && echo another\n"
        "systemctl stop web; systemctl try-restart web; systemctl is-active web", "another\ninactive\n"),
    Row("`systemctl reload`, `reload-or-restart`, `try-reload-or-restart`, `force-reload`", "as on Debian; `$MAINPID` is given",
        "systemctl start web; a=$(pid web); systemctl reload web; systemctl reload-or-restart web; [ $a = $(pid web) ] && echo same\n"
        "until [ $(journalctl -u web -o cat | grep -c \"reloads $a\") = 2 ]; do sleep 0.02; done; systemctl reload once; echo $?",
        "same\nFailed to reload once.service: Job type reload is not applicable for unit once.service.\n1\n"),
    Row("`systemctl enable`, `disable`, `reenable`, `preset`, `--now`, `is-enabled`", "as on Debian",
        "systemctl enable --now web; systemctl is-enabled web; systemctl is-active web; systemctl disable --now web\n"
        "systemctl is-enabled web; systemctl is-active web; systemctl is-enabled once nothing; echo $?",
        "Created symlink /etc/systemd/system/multi-user.target.wants/web.service → /etc/systemd/system/web.service.\nenabled\nactive\n"
        "Removed /etc/systemd/system/multi-user.target.wants/web.service.\ndisabled\ninactive\n"
        "static\nFailed to get unit file state for nothing.service: No such file or directory\n0\n"),
    Row("`systemctl mask`, `unmask`", "as on Debian",
        "systemctl mask once; systemctl start once; echo $?; systemctl unmask nothing",
        "Failed to mask unit: File /etc/systemd/system/once.service already exists.\n0\n"),
    Row("`systemctl enable /path/to/x.service`, `link`, `revert`", "as on Debian",
        "systemctl link /opt/units/elsewhere.service; systemctl start elsewhere; systemctl is-active elsewhere; systemctl stop elsewhere\n"
        "systemctl enable /opt/none.service; echo $?",
        "Created symlink /etc/systemd/system/elsewhere.service → /opt/units/elsewhere.service.\nactive\n"
        "Failed to link unit: File /opt/none.service: No such file or directory\n1\n"),
    Row("`systemctl daemon-reload`, `daemon-reexec`, `reset-failed`", "as on Debian; `daemon-reexec` reads the files again",
        "printf '[Service]\\nExecStart=/bin/false\\n' > /etc/systemd/system/bad.service; systemctl start bad\n"
        "until systemctl -q is-failed bad; do sleep 0.02; done; systemctl reset-failed bad; systemctl is-failed bad; echo $?",
        "inactive\n1\n"),
    Row("`systemctl status`, `show -p NAME`, `-P NAME`, `--value`, `cat`", "as on Debian; what is not known of a unit is not shown",
        "systemctl show web -p Description,CanReload; systemctl show -P WantedBy web; systemctl cat once | head -3; systemctl status web | "
        "head -1; systemctl status nothing; echo $?",
        "Description=Web\nCanReload=yes\nmulti-user.target\n# /etc/systemd/system/once.service\n[Service]\nType=oneshot\n"
        "○ web.service - Web\nUnit nothing.service could not be found.\n4\n"),
    Row("`systemctl is-active`, `is-failed`, `is-system-running --wait`", "as on Debian",
        "systemctl is-system-running --wait; systemctl is-active multi-user.target web; echo $?", "running\nactive\ninactive\n0\n"),
    Row("`systemctl list-units`, `list-unit-files`, `list-timers`, `list-jobs`, `list-dependencies`", "as on Debian",
        "systemctl list-units --no-legend 'multi-*' | awk '{print $1}'; systemctl list-unit-files --no-legend 'soon.*'; "
        "systemctl list-jobs; systemctl list-dependencies multi-user | head -1",
        "multi-user.target\nsoon.service static   enabled\nsoon.timer   static   enabled\nNo jobs running.\nmulti-user.service\n"),
    Row("`systemctl kill -s SIGNAL`, `--kill-whom=main`", "as on Debian",
        "systemctl start web; systemctl kill -s KILL web; until systemctl -q is-failed web; do sleep 0.02; done\n"
        "systemctl show -P Result web; systemctl kill -s NONE web; echo $?; systemctl reset-failed web",
        "signal\nFailed to parse signal string NONE.\n1\n"),
    Row("`systemctl set-environment`, `unset-environment`, `import-environment`, `show-environment`", "as on Debian",
        "systemctl set-environment GIVEN=word; systemctl show-environment; systemctl start once\n"
        "journalctl -qu once -o cat | grep -c word\n"
        "systemctl unset-environment GIVEN; systemctl show-environment; systemctl set-environment wrong; echo $?",
        "GIVEN=word\n1\nFailed to set environment: Invalid environment assignments: wrong\n1\n"),
    Row("timers: `OnCalendar=`, `On...Sec=`, `Persistent=`, `RandomizedDelaySec=`, `Unit=`",
        "as on Debian, exact to the second whatever `AccuracySec=` says",
        "systemctl start soon.timer; until [ $(systemctl show -P SubState soon.timer) = elapsed ]; do sleep 0.02; done\n"
        "until journalctl -qu soon -o cat | grep -o ^Finished; do sleep 0.02; done\n"
        "systemctl list-timers --no-legend | awk '{print $(NF-1), $NF}'",
        "Finished\nsoon.timer soon.service\n"),
    Row("`systemctl edit`", "refused", "systemctl edit web; echo $?",
        "systemctl edit: there is no editor; write a drop-in below /etc/systemd/system and run systemctl daemon-reload\n1\n"),
    Row("`systemctl set-property`, `freeze`, `thaw`", "refused", "systemctl set-property web CPUQuota=20%; echo $?",
        "systemctl set-property: units have no control groups here\n1\n"),
    Row("`systemctl isolate`, `rescue`, `emergency`, `set-default`", "refused, but for `set-default multi-user.target`",
        "systemctl set-default multi-user.target; echo $?; systemctl isolate rescue.target; echo $?",
        "0\nsystemctl isolate: this machine has one target, multi-user.target\n1\n"),
    Row("`systemctl suspend`, `hibernate`, `kexec`, `list-sockets`, `list-machines`, `clean`", "refused", "systemctl suspend; echo $?",
        "systemctl suspend: a machine is suspended by its cloud: gcloud compute instances suspend\n1\n"),
    Row("`--user`, `--global`, `-H`, `-M`, `--root` of all of them", "refused",
        "systemctl --user start web; echo $?; systemd-run --user true; echo $?; journalctl --user; echo $?",
        f"systemctl --user: {_NO_OTHERS}\n1\nsystemd-run: --user: {_NO_OTHERS}\n1\n"
        "journalctl: --user: this machine has its own journal only\n1\n"),
    Row("`service X start`, `stop`, `restart`, `status`, `reload`; `invoke-rc.d`; `deb-systemd-invoke`", "Debian's own, by `systemctl`",
        "service web start; a=$(pid web); service web reload; service web status | head -1; service web restart\n"
        "[ $a != $(pid web) ] && echo another; service web stop; systemctl is-active web; systemctl enable -q web\n"
        "invoke-rc.d web start; systemctl is-active web; systemctl disable -q web; deb-systemd-invoke stop web; systemctl is-active web",
        "● web.service - Web\nanother\ninactive\nactive\ninactive\n"),
    Row("`deb-systemd-helper`; `update-rc.d X defaults`", "Debian's own, by the files alone",
        "export DPKG_MAINTSCRIPT_PACKAGE=web; deb-systemd-helper enable web.service; systemctl is-enabled web; systemctl disable -q web\n"
        "systemctl is-enabled web; update-rc.d web defaults; echo $?",
        "Created symlink /etc/systemd/system/multi-user.target.wants/web.service → /etc/systemd/system/web.service.\n"
        "enabled\ndisabled\nupdate-rc.d: error: unable to read /etc/init.d/web\n1\n"),
    Row("`systemd-run`, `--unit`, `-p`, `-E`, `--wait`, `--scope`, `--working-directory`, `-r`", "as on Debian",
        "systemd-run -q --wait --unit=r1 -E A=b sh -c 'echo $A; exit 3'; echo $?; journalctl -qu r1 -o cat | grep -x b; "
        "systemd-run --scope -q echo in here", "3\nb\nin here\n"),
    Row("`systemd-run --on-active`, `--on-boot`, `--on-calendar`, `--on-unit-active`, `--timer-property`", "as on Debian",
        "systemd-run --unit=r2 --on-active=10ms touch /run/r2; until test -e /run/r2; do sleep 0.02; done\n"
        "systemd-run -q --unit=r3 --on-calendar='*-12-28 10:00' true\n"
        "systemctl list-timers --no-legend 'r3*' | grep -c -- '-12-28 10:00:00'\n"
        "systemd-run --unit=r4 --on-calendar=never true; echo $?; systemctl stop r3.timer",
        "Running timer as unit: r2.timer\nWill run service as unit: r2.service\n1\nRunning timer as unit: r4.timer\n"
        "Will run service as unit: r4.service\nJob for r4.service failed: resources.\n1\n"),
    Row("`systemd-run --pty`, `--pipe`, `--shell`", "refused", "systemd-run --pty true; echo $?",
        "systemd-run: --pty: a unit has no way to this terminal; its output is in the journal (journalctl -u UNIT)\n1\n"),
    Row("`journalctl -u`, `-f`, `-n`, `-b`, `-r`, `-p`, `-t`, `-g`, `--since`, `--until`, `-o`, `--list-boots`, `--no-pager`",
        "as on Debian; of `-o` short and its kin, cat, json, json-pretty, verbose, with-unit",
        "echo '<3>broken' | systemd-cat -t r5; until journalctl -q -t r5 | grep -q broken; do sleep 0.02; done\n"
        "journalctl -t r5 -p err -b -n 1 -o cat --no-pager --since=-1h; journalctl -t r5 -o json | grep -c '\"MESSAGE\": \"broken\"'",
        "broken\n1\n"),
    Row("`journalctl --flush`, `--sync`, `--disk-usage`", "as on Debian", "journalctl --flush; journalctl --disk-usage | cut -d' ' -f1-6",
        "Archived and active journals take up\n"),
    Row("`journalctl --vacuum-size`, `--rotate`, `--cursor`, `-F`, `-D`, `--user`", "refused",
        "journalctl --vacuum-time=1s; echo $?; journalctl -F _PID; echo $?",
        "journalctl: --vacuum-time: this machine has one journal, which keeps its last 16 to 32 MiB by itself\n1\n"
        "journalctl: -F: fields are not indexed here; use -o json and jq\n1\n"),
    Row("`systemd-cat`, `logger`, `sd_journal_send`, `systemd-notify`", "Debian's own, to this machine's journal and init",
        "echo said | systemd-cat -t r6 -p warning; logger --journald <<< $'MESSAGE=sent\\nSYSLOG_IDENTIFIER=r6\\nPRIORITY=4'\n"
        "until [ $(journalctl -qt r6 -p warning -o cat | wc -l) = 2 ]; do sleep 0.02; done; journalctl -t r6 -o cat | sort\n"
        "systemd-run -q --unit=r7 -p Type=notify -p NotifyAccess=all sh -c 'systemd-notify --ready --status=up; exec sleep 1000'\n"
        "systemctl is-active r7; systemctl status r7 | grep -o 'Status: .*'; systemctl stop r7", "said\nsent\nactive\nStatus: \"up\"\n"),
    Row("`hostnamectl`, `hostnamectl hostname`", "as on Google's Debian; the name cannot be changed",
        "hostnamectl hostname; hostnamectl | grep Hardware.Model; hostnamectl set-hostname other; echo $?",
        "web-x7k2\n  Hardware Model: Google Compute Engine\n"
        "hostnamectl: the name web-x7k2 is the instance's, and cannot be changed from in here\n1\n"),
    Row("`timedatectl`, `set-timezone`, `list-timezones`, `show`", "as on Debian; the clock itself is the host's",
        "timedatectl set-timezone Europe/Paris; date +%Z | grep -c CE; timedatectl show -pTimezone --value; timedatectl set-timezone UTC\n"
        "timedatectl set-timezone No/Where; timedatectl set-time 10:00; echo $?; timedatectl set-ntp true; echo $?",
        "1\nEurope/Paris\nFailed to set time zone: Invalid or not installed time zone 'No/Where'\n"
        "timedatectl: set-time: the clock is the host's, and cannot be changed from in here\n1\n0\n"),
    Row("`loginctl`, `localectl`", "tell that nobody is logged in, and the locale; nothing can be changed",
        "loginctl; loginctl enable-linger somebody; echo $?; localectl set-locale LANG=C; echo $?",
        "No sessions.\nloginctl: enable-linger: nobody logs in to this machine, and it has no user but root\n1\n"
        "localectl: set-locale: this machine has status only; write /etc/default/locale\n1\n"),
    Row("`shutdown`, `poweroff`, `reboot`, `halt`, `runlevel`, `telinit`", "as on Debian, at once; of `telinit` 0, 6 and q",
        "runlevel; telinit q; echo $?; telinit 1; echo $?; shutdown -c; echo $?",
        "N 5\n0\ntelinit: 1: this machine knows 0, 6 and q only\n1\n0\n"),
    Row("`systemd-detect-virt`", "as on Google Cloud", "systemd-detect-virt; systemd-detect-virt -c; echo $?", "google\nnone\n1\n"),
)  # fmt: skip


def table() -> str:
    """Return the page's table."""
    rows = [f"| {row.commands} | {row.here} |" for row in ROWS]
    return "\n".join(["| command | on an instance |", "| --- | --- |", *rows])
