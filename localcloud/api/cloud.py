"""What every handler works on: the store and clock, who calls, where objects' bytes are, and the running operations."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from localcloud.api.operations import Operations
from localcloud.api.quotas import Quotas
from localcloud.api.settings import ApiSettings
from localcloud.api.storage.content import Content
from localcloud.clock import Clock, rfc3339
from localcloud.identity import Identities
from localcloud.store import Store


@dataclass(frozen=True, slots=True)
class Cloud:
    """One cloud, as its API sees it. `serial_output` returns all that an instance (by numeric id) wrote to its console."""

    store: Store
    clock: Clock
    identities: Identities
    settings: ApiSettings
    operations: Operations
    quotas: Quotas
    content: Content
    serial_output: Callable[[str], bytes]

    def timestamp(self) -> str:
        """Return the cloud's time as resources carry it."""
        return rfc3339(self.clock.now())

    def new_id(self) -> str:
        """Return a numeric id that no resource of this cloud has had."""
        return str(self.store.next_number("id", first=1_000_000_000_000_000_001))
