"""Instances that cannot reach Cloud Storage at all, whatever IAM grants: no way out of the network."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scripts.diagnosis.finding import Finding
from scripts.diagnosis.script_causes import AGAIN, names

if TYPE_CHECKING:
    from scripts.diagnosis.facts import Facts
    from scripts.diagnosis.reach import Reach


def found(facts: Facts) -> list[Finding]:
    """Return what keeps the start-up script's fetch from getting an answer."""
    reach = facts.reach
    if reach is None or facts.script is None or (reach.by and reach.routed is not False):
        return []
    hit = [one for one in facts.instances if one.run is not None and one.run.unreachable]
    what, mend = _wayless(facts, reach) if not reach.by else _unrouted(facts, reach)
    consequence = "an instance that is created, recreated or booted from now on gets no answer when it fetches its script, and never serves"
    if hit:
        consequence = f"{names(hit)} got no answer from Cloud Storage and cannot serve; no further instance will get one"
        mend += f" && {AGAIN.format(instance=hit[0].name)}"
    return [
        Finding(
            code="google-unreachable",
            severity="error" if hit else "warning",
            subject=reach.subnetwork,
            what=what,
            consequence=consequence,
            mend=mend,
            evidence=tuple(f"{one.name}: {one.run.unreachable}" for one in hit if one.run),
        )
    ]


def _wayless(facts: Facts, reach: Reach) -> tuple[str, str]:
    what = (
        f"instances in {reach.subnetwork} have no external address, and the subnetwork has neither Private Google Access nor Cloud NAT: "
        "nothing leads from them to Cloud Storage"
    )
    mend = (
        f"gcloud compute networks subnets update {reach.subnetwork} --region={reach.region} --enable-private-ip-google-access "
        f"--project={facts.group.project}"
    )
    return what, mend


def _unrouted(facts: Facts, reach: Reach) -> tuple[str, str]:
    what = f"the network {facts.network} has no route to the internet gateway, without which {reach.by} leads nowhere"
    mend = (
        f"gcloud compute routes create {facts.network}-default --network={facts.network} --destination-range=0.0.0.0/0 "
        f"--next-hop-gateway=default-internet-gateway --project={facts.group.project}"
    )
    return what, mend
