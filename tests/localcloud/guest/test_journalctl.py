"""journalctl takes the options that people type, and shows what journalctl shows."""

from __future__ import annotations

import json
import re

import pytest

from localcloud.guest.init.commands import journal_formats, journal_options
from localcloud.guest.init.journal import Entry
from tests.localcloud.guest.cloud import Cloud, in_cloud, until

UNIT = "google-startup-scripts.service"
BOOT = "0123456789abcdef0123456789abcdef"
ENTRY = Entry(1_795_431_906_789_012, BOOT, "web.service", "python3", pid=7, priority=6, message="ready")
STAMP = r"[A-Z][a-z]{2} \d\d \d\d:\d\d:\d\d"


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        (f"--no-pager -u {UNIT}", {"": [], "unit": [UNIT]}),
        (f"-u{UNIT} -f", {"unit": [UNIT], "follow": []}),
        (f"-fu {UNIT}", {"unit": [UNIT], "follow": []}),
        ("-xeu web", {"": [], "end": [], "unit": ["web"]}),
        ("-n 5 -o cat", {"lines": ["5"], "output": ["cat"]}),
        ("-n5 -ocat", {"lines": ["5"], "output": ["cat"]}),
        ("-n -u web", {"lines": ["10"], "unit": ["web"]}),
        ("-fn 20", {"follow": [], "lines": ["20"]}),
        ("-fn20", {"follow": [], "lines": ["20"]}),
        ("-nf", {"lines": ["10"], "follow": []}),
        ("--lines=all", {"lines": ["all"]}),
        ("-b", {"boot": ["0"]}),
        ("-b -1", {"boot": ["-1"]}),
        ("-b-1 -r", {"boot": ["-1"], "reverse": []}),
        (f"-b {BOOT}", {"boot": [BOOT]}),
        ("-bu web", {"boot": ["0"], "unit": ["web"]}),
        ("-u web --since=-5min --until now", {"unit": ["web"], "since": ["-5min"], "until": ["now"]}),
        ("_SYSTEMD_UNIT=web.service -p err", {"_SYSTEMD_UNIT": ["web.service"], "priority": ["err"]}),
    ],
)
def test_options_are_read_as_people_type_them(typed: str, meant: dict[str, list[str]]) -> None:
    assert journal_options.parse(typed.split()) == meant


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("--no-such", "journalctl: unrecognized option '--no-such'"),
        ("-u", "journalctl: option requires an argument -- 'u'"),
        ("FIELD=value", "journalctl: unrecognized option 'FIELD=value'"),
    ],
)
def test_what_is_no_option_is_named(typed: str, said: str) -> None:
    with pytest.raises(ValueError, match=re.escape(said)):
        journal_options.parse(typed.split())


@pytest.mark.parametrize(
    ("mode", "shown"),
    [
        ("short", rf"{STAMP} \S+ python3\[7\]: ready"),
        ("short-precise", rf"{STAMP}\.789012 \S+ python3\[7\]: ready"),
        ("short-iso", r"2026-11-\d\dT\d\d:\d\d:06[+-]\d{4} \S+ python3\[7\]: ready"),
        ("short-iso-precise", r"2026-11-\d\dT\d\d:\d\d:06\.789012[+-]\d{4} \S+ python3\[7\]: ready"),
        ("short-unix", r"1795431906\.789012 \S+ python3\[7\]: ready"),
        ("short-full", r"[A-Z][a-z]{2} 2026-11-\d\d \d\d:\d\d:06 \S+ \S+ python3\[7\]: ready"),
        ("with-unit", r"[A-Z][a-z]{2} 2026-11-\d\d \d\d:\d\d:06 \S+ \S+ web\.service/python3\[7\]: ready"),
        ("cat", "ready"),
        ("verbose", r"(?s)[A-Z][a-z]{2} 2026-11-\d\d \d\d:\d\d:06\.789012 .*\n    MESSAGE=ready"),
    ],
)
def test_modes_show_an_entry_each_in_its_way(mode: str, shown: str) -> None:
    assert re.fullmatch(shown, journal_formats.of(mode)(ENTRY))


def test_json_has_the_journals_fields() -> None:
    for mode in ("json", "json-pretty"):
        found = json.loads(journal_formats.of(mode)(ENTRY))
        assert found["__REALTIME_TIMESTAMP"] == "1795431906789012"
        assert (found["MESSAGE"], found["_SYSTEMD_UNIT"], found["_BOOT_ID"]) == ("ready", "web.service", BOOT)
    with pytest.raises(ValueError, match="Unknown output format 'jsno'"):
        journal_formats.of("jsno")


@pytest.mark.kernel
@in_cloud
async def test_entries_are_selected_by_time_count_boot_and_priority(cloud: Cloud) -> None:
    spec = await cloud.boot("#!/bin/bash\necho boot >> /root/boots\n")
    await cloud.settled(spec)
    await cloud.said(spec, "for i in 1 2 3; do logger -t n line $i; done")
    await cloud.said(spec, "until journalctl -q -t n | grep -q 'line 3'; do sleep 0.02; done")
    assert await cloud.said(spec, "journalctl -t n -n 2 -o cat") == "line 2\nline 3\n"
    assert await cloud.said(spec, "journalctl -t n -o cat -r -n1") == "line 3\n"
    assert await cloud.said(spec, "journalctl -t n -n 0 -q") == ""
    assert await cloud.said(spec, "journalctl -t n --since '1 hour ago' -o cat | wc -l") == "3\n"
    assert await cloud.said(spec, "journalctl -t n --until '2 hours ago'") == "-- No entries --\n"
    refused = {
        "-t n --since nonsense": "Failed to parse timestamp: nonsense",
        "--no-such": "journalctl: unrecognized option '--no-such'",
        "-p loud": "Unknown log level loud",
        "--lines=-5": "Failed to parse lines '-5'",
        "-b --boot=first": "Failed to parse boot descriptor 'first'",
        "-b 7": "Data from the specified boot (7) is not available: No such boot ID in journal",
        "-o jsno": "Unknown output format 'jsno'.",
    }
    said = await cloud.said(spec, "; ".join(f"journalctl {words}; echo $?" for words in refused))
    assert said.splitlines() == [line for words in refused.values() for line in (words, "1")]

    await cloud.run(spec, "sudo reboot")
    boots = cloud.home.instance(spec.id) / "disk/root/boots"
    await until(lambda: boots.read_text() == "boot\nboot\n")
    journal = await cloud.settled(spec)
    assert re.findall("(?m)^-- Boot [0-9a-f]{32} --$", journal), "a line between two boots"
    assert await cloud.said(spec, "journalctl -b -t n -q; journalctl -b -1 -t n -n1 -o cat") == "line 3\n"
    listed = (await cloud.said(spec, "journalctl --list-boots")).splitlines()
    assert [line.split()[0] for line in listed] == ["IDX", "-1", "0"]
    assert await cloud.said(spec, f"journalctl -b {listed[1].split()[1]} -t n -o cat -n 1") == "line 3\n"


@pytest.mark.kernel
@in_cloud
async def test_following_misses_nothing_and_repeats_nothing(cloud: Cloud) -> None:
    """Lines that come just as it begins are in what is there, or in what follows, and never in both or neither."""
    spec = await cloud.boot()
    await cloud.settled(spec)
    numbers = " ".join(map(str, range(40)))
    script = (
        "mkfifo /tmp/f; (journalctl -f -n all -t m -o cat > /tmp/f; true) & "
        f"(for i in {numbers}; do logger -t m $i; done) & timeout 60 head -n40 /tmp/f; kill %1"
    )
    assert (await cloud.said(spec, script)).split() == numbers.split()
