"""Exemptions: used, expired, stale and faulty ones."""

from __future__ import annotations

import pytest
from mig_policies.verdict import Outcome

from tests.policies.engine import UNKNOWN, analyze
from tests.policies.stacks import check, sound

VIOLATED = Outcome.VIOLATED
EXEMPT = Outcome.EXEMPT
PAIR_RULES = ("HC01", "HC02", "HC03")


EXEMPTION = {
    "resource": "mig",
    "reason": "the service is very simple",
    "owner": "ops@example.com",
    "expires": "2026-12-31",
}


def test_an_exemption_is_printed_with_its_reason_and_stops_nothing() -> None:
    stack = sound().add(check("ah"))
    config = {
        "HC02": {"exemptions": [EXEMPTION]},
        "HC04": {"exemptions": [{**EXEMPTION, "resource": "*::mi?"}]},
    }
    report = analyze(stack.resources, config)
    assert report.outcome("HC02", "mig") is EXEMPT
    assert report.violated == set()
    told = [finding.message for finding in report.of("PACK03")]
    assert len(told) == 2
    assert "EXEMPT HC02" in told[0]
    assert "ratio 1.0" in told[0]
    assert "exempt until 2026-12-31 by ops@example.com: the service is very simple" in told[0]


def test_an_expired_exemption_is_a_violation_again() -> None:
    stack = sound().add(check("ah"))
    config = {"HC02": {"exemptions": [{**EXEMPTION, "expires": "2026-06-30"}]}}
    report = analyze(stack.resources, config)
    assert report.outcome("HC02", "mig") is VIOLATED
    assert "that day is over" in report.message("HC02")


def test_an_exemption_holds_on_its_last_day() -> None:
    config = {"HC02": {"exemptions": [{**EXEMPTION, "expires": "2026-07-01"}]}}
    assert analyze(sound().add(check("ah")).resources, config).outcome("HC02", "mig") is EXEMPT


def test_an_undetermined_outcome_can_be_exempt() -> None:
    stack = sound().but("lb", checkIntervalSec=UNKNOWN)
    config = {"HC05": {"exemptions": [{**EXEMPTION, "resource": "lb"}]}}
    assert analyze(stack.resources, config).outcome("HC05", "lb") is EXEMPT


def test_an_exemption_that_covers_nothing_is_an_error() -> None:
    config = {
        "HC02": {"exemptions": [EXEMPTION]},
        "HC05": {"exemptions": [{**EXEMPTION, "resource": "nobody"}]},
    }
    report = analyze(sound().resources, config)
    assert report.violated == {"PACK02"}
    assert len(report.of("PACK02")) == 2


@pytest.mark.parametrize(
    ("entry", "told"),
    [
        ({key: value for key, value in EXEMPTION.items() if key != "owner"}, "owner is None"),
        ({**EXEMPTION, "until": "2027"}, "unknown field 'until'"),
        ({**EXEMPTION, "expires": "soon"}, "expires is 'soon', not a day"),
        ("mig", "'mig' is not an object"),
    ],
)
def test_a_faulty_exemption_is_an_error_and_exempts_nothing(entry: object, told: str) -> None:
    report = analyze(sound().add(check("ah")).resources, {"HC02": {"exemptions": [entry]}})
    assert report.violated == {"HC02", "HC04", "PACK01"}
    assert told in report.message("PACK01")


def test_a_misspelt_parameter_is_an_error() -> None:
    report = analyze(sound().resources, {"HC02": {"minRatoi": 3}})
    assert report.violated == {"PACK01"}
    assert "HC02: unknown key 'minRatoi'" in report.message("PACK01")
