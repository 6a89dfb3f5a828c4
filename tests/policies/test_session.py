"""What the pack remembers: one value for all policies of a request, and what each rule came to."""

from __future__ import annotations

from mig_policies.catalogue import RULES
from mig_policies.resource import Resource
from mig_policies.session import Round, Session
from mig_policies.tokens import HEALTH_CHECK
from mig_policies.verdict import Outcome, passed, undetermined, violated


def test_a_rounds_value_is_made_once_for_all_policies_and_anew_when_one_comes_again() -> None:
    made: list[int] = []

    def make() -> int:
        made.append(len(made))
        return made[-1]

    shared: Round[int] = Round()
    assert [shared.share(policy, make) for policy in ("a", "b", "c")] == [0, 0, 0]
    assert [shared.share(policy, make) for policy in ("b", "a", "c")] == [1, 1, 1]
    assert made == [0, 1]


def test_an_entry_has_the_worst_outcome_and_only_what_was_said_of_it() -> None:
    session, rule = Session(), RULES[0]
    resource = Resource(urn="urn:pulumi:test::web::t::c", type=HEALTH_CHECK, name="c", tree={})
    verdicts = [passed("fine"), violated("one"), undetermined("who knows"), violated("two")]
    assert session.record(rule, resource, verdicts) == verdicts
    entry = session.account[rule.id, resource.urn]
    assert (entry.rule, entry.resource, entry.outcome) == (rule.id, resource, Outcome.VIOLATED)
    assert entry.messages == ("one", "two")
