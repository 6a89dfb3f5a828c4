"""Whoever dies, at moments drawn by lot, of a cloud at work: see `campaign.Stage` for what must hold after each death."""

from __future__ import annotations

import asyncio
import os
from typing import TYPE_CHECKING

import pytest

from tests.localcloud.crash import campaign, results
from tests.localcloud.crash.cloud import SPEED

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.kernel
# How many deaths each cloud of the campaign sees, and how many there are in all.
_EACH, _ALL = 20, int(os.environ.get("CRASH_DEATHS", "200"))
# Ways that others do not lead: `test_moments` and the data plane's `test_hanging` have the rest.
FEW = (("daemon",), ("keeper",))


def _quiet(_: str) -> None:
    pass


def test_nobody_notices_a_few_deaths() -> None:
    found = asyncio.run(campaign.run(1, FEW, _quiet))
    assert [death.victims for death in found.deaths] == list(FEW)
    assert found.acknowledged > 0
    assert all((death.back is not None) == ("daemon" in death.victims) for death in found.deaths)


@pytest.mark.campaign
def test_nobody_notices_hundreds_of_deaths(progress: Callable[[str], None]) -> None:
    found, loads = [], []
    for seed in range(1, _ALL // _EACH + 1):
        progress(f"cloud {seed} of {_ALL // _EACH}")
        found.append(asyncio.run(campaign.run(seed, campaign.by_lot(seed, _EACH), progress)))
        loads.append(os.getloadavg()[1])
        results.write(results.summary(found, SPEED, sum(loads) / len(loads)))  # what there is, if it is ended
    assert sum(len(each.deaths) for each in found) == _ALL
