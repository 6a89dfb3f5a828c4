"""The page, the pictures and the summary say what the campaign's files have."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

from tests.localcloud.loop import plot, results, test_false_removals, test_situations
from tests.localcloud.loop.settings import MOST, SHARES, SLOW, Settings
from tests.localcloud.loop.trial import ALLOWANCE, LATE, Step, Trial
from tests.localcloud.loop.trials import Campaign

if TYPE_CHECKING:
    from pathlib import Path

SETTINGS = Settings(5, 4, 2, 3)


def trial(took: float, *, late: float = 0.0, trouble: str = "") -> Trial:
    steps = [Step("drain", took, 0, 5), Step("return", 10.02, 10, 10)]
    return Trial("g0-abcd", "kill", SETTINGS, SETTINGS, steps, trouble, late)


def test_the_summary_is_of_the_trials_that_are_listed() -> None:
    found = results.read()["trials"]
    listed = results.campaign(results.TRIALS.read_text(encoding="utf-8"))
    assert {**found, **results.summary(listed)} == found
    picture = (results.DOCS / "closed-loop.svg").read_text(encoding="utf-8")
    assert picture == plot.detections(listed.trials)


def test_the_other_pictures_are_of_the_summary() -> None:
    found = results.read()
    drawn = {"situations": (test_situations.picture, "zone-outages.svg")}
    drawn["false_removals"] = (test_false_removals.picture, "false-removals.svg")
    for part, (draw, name) in drawn.items():
        if part in found:
            assert (results.DOCS / name).read_text(encoding="utf-8") == draw(found[part]), part


def test_a_trial_on_a_late_machine_is_counted_apart_and_no_other() -> None:
    speed = 5.0
    ok, slow = 5 + ALLOWANCE * speed - 0.01, 5 + ALLOWANCE * speed + 0.01
    trials = [trial(ok), trial(slow), trial(slow, late=LATE + 0.01), trial(ok, late=LATE + 0.01)]
    found = Campaign([*trials, trial(ok, trouble="it never ended")])
    assert {name: found.count(name) for name in ("kept", "broken", "apart")} == {
        "kept": 1,
        "broken": 2,
        "apart": 2,
    }
    assert found.kept_share == 1 / 3
    assert len(found.broken()) == 2


def test_too_early_is_broken_as_well() -> None:
    assert trial(-ALLOWANCE * 5 - 0.01).outcome() == "broken"


def test_trials_survive_their_table(tmp_path: Path) -> None:
    found = Campaign([trial(1.0), trial(9.0, late=0.2), trial(2.0, trouble="it never ended")])
    read = results.campaign(results.table(found))
    assert read == found
    results.note("trials", results.summary(found), tmp_path / "sums.json")
    results.note("more", {"figure": 1}, tmp_path / "sums.json")
    noted = results.read(tmp_path / "sums.json")
    assert noted["trials"]["kept"] == 1
    assert noted["more"]["figure"] == 1


def test_strata_have_googles_whole_ranges_between_them_and_keep_to_their_lengths() -> None:
    rng = random.Random(7)  # noqa: S311 - repeatable, not secret
    for stratum, _ in SHARES:
        for _ in range(500):
            each = stratum.draw(rng)
            assert stratum.least <= each.timeout <= each.interval <= stratum.most
            assert max(each.detection[1], each.streak) <= stratum.longest
            assert 1 <= min(each.unhealthy, each.healthy) <= max(each.unhealthy, each.healthy) <= MOST
        assert stratum.least / stratum.speed == 0.4, "a healthy instance has as long in each"
    found = [stratum for stratum, _ in SHARES]
    assert (min(each.least for each in found), max(each.most for each in found)) == (1, 300)
    assert (SLOW.longest, sum(tenths for _, tenths in SHARES)) == (MOST * 300 + 300, 10)


def test_settings_promise_what_theory_says() -> None:
    promised = (*SETTINGS.detection, *SETTINGS.refusal, SETTINGS.mean_detection, SETTINGS.streak)
    assert promised == (9.0, 14.0, 5.0, 10.0, 11.5, 10.0)
