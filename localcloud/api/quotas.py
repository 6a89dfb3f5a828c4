"""How much of each quota is used: counted as resources come and go, so that asking costs nothing."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import TYPE_CHECKING, Any

from localcloud.api.errors import ApiError
from localcloud.plans import quotas

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from localcloud.api.settings import ApiSettings
    from localcloud.store import Document, Event, Store

VARIABLE = "LOCALCLOUD_QUOTAS"
_NOTHING: Mapping[str, Mapping[str, float]] = {"global": {}, "region": {}}
# Collection -> the metric of those that are global or count together, and of those in a region or zone.
_GLOBAL = {
    "firewalls": "FIREWALLS",
    "healthChecks": "HEALTH_CHECKS",
    "instanceTemplates": "INSTANCE_TEMPLATES",
    "networks": "NETWORKS",
    "routers": "ROUTERS",
    "subnetworks": "SUBNETWORKS",
}
_REGIONAL = {
    "autoscalers": "REGIONAL_AUTOSCALERS",
    "backendServices": "REGIONAL_EXTERNAL_NETWORK_LB_BACKEND_SERVICES",
    "forwardingRules": "EXTERNAL_NETWORK_LB_FORWARDING_RULES",
    "instanceGroupManagers": "REGIONAL_INSTANCE_GROUP_MANAGERS",
}
_ZONAL = {
    "autoscalers": "AUTOSCALERS",
    "instanceGroupManagers": "INSTANCE_GROUP_MANAGERS",
    "instances": "INSTANCES",
}
_COUNTED = frozenset({*_GLOBAL, *_REGIONAL, *_ZONAL, "addresses"})
_Amounts = dict[tuple[str, str], float]  # (region or "", metric) -> how much


class Quotas:
    """One cloud's limits (by ``settings.quotas``, None: there are none) and what is used of them."""

    def __init__(self, store: Store, settings: ApiSettings) -> None:
        self._settings = settings
        self._store = store
        self._limits = settings.quotas or _NOTHING
        self._shares: dict[str, _Amounts] = {}
        self._used: _Amounts = defaultdict(float)
        self._prefix = f"compute/projects/{settings.project}/"
        self._addresses: dict[
            str, tuple[str, str]
        ] = {}  # by key: the region and address of one that is reserved
        self._reserved: Counter[tuple[str, str]] = Counter()
        if store.get(quotas.KEY) != settings.quotas:
            with store.transaction() as tx:
                if settings.quotas is None:
                    tx.delete(quotas.KEY)
                else:
                    tx.put(quotas.KEY, settings.quotas)
        if settings.quotas is not None:  # else nobody asks what is used
            self._changed(frozenset(store.keys(self._prefix)), ())
            store.watch(self._changed)

    def check(self, key: str, document: Document) -> None:
        """Refuse a new resource that is one too many; `key` is where it will be."""
        if self._settings.quotas is None:
            return
        for (region, metric), amount in self._share(key, document).items():
            limit = self._limits["region" if region else "global"].get(metric)
            if limit is not None and self._used[region, metric] + amount > limit:
                raise ApiError(403, "quotaExceeded", quotas.message(metric, limit, region))

    def answer(self, region: str = "") -> list[dict[str, Any]]:
        """Return a region's quotas, or the project's, as the API lists them; empty where there are no limits."""
        limits = self._limits["region" if region else "global"]
        return [
            {"metric": metric, "limit": float(limit), "usage": float(self._used[region, metric])}
            for metric, limit in sorted(limits.items())
        ]

    def _changed(self, keys: frozenset[str], _events: tuple[Event, ...]) -> None:
        counted = [
            key
            for key in keys
            if key.startswith(self._prefix) and key.count("/") > 4 and key.rsplit("/", 2)[-2] in _COUNTED
        ]
        for key in counted:
            if "/addresses/" in key:
                self._reserve(key, self._store.get(key))
        for key in counted:  # forwarding rules, when it is known which addresses are reserved
            self._count(key, self._store.get(key))

    def _reserve(self, key: str, document: Document | None) -> None:
        if key in self._addresses:
            self._reserved[self._addresses.pop(key)] -= 1
        if document is not None:
            place = self._region(key.split("/")), document.get("address", "")
            self._addresses[key] = place
            self._reserved[place] += 1

    def _count(self, key: str, document: Document | None) -> None:
        for place, amount in self._shares.pop(key, {}).items():
            self._used[place] -= amount
        share = {} if document is None else self._share(key, document)
        if share:
            self._shares[key] = share
            for place, amount in share.items():
                self._used[place] += amount

    def _share(self, key: str, document: Document) -> _Amounts:
        return {place: amount for place, amount in self._shared(key.split("/"), document) if amount}

    def _shared(self, parts: list[str], document: Document) -> Iterator[tuple[tuple[str, str], float]]:
        """Yield what one resource uses. `parts` are its key's: compute, projects, P, global or scope and location, collection, name."""
        scope, segment = parts[3], parts[-2]
        if segment not in _COUNTED:
            return
        region = self._region(parts)
        if segment in _GLOBAL:
            yield ("", _GLOBAL[segment]), 1
        if scope == "regions" and segment in _REGIONAL:
            yield (region, _REGIONAL[segment]), 1
        if scope == "zones" and segment in _ZONAL:
            yield (region, _ZONAL[segment]), 1
        if segment == "instanceGroupManagers":
            yield (region, "INSTANCE_GROUPS"), 1
        if segment == "instances":
            yield (region, "CPUS"), quotas.cpus(str(document.get("machineType", "")).rpartition("/")[2])
        if segment == "addresses" and document.get("addressType", "EXTERNAL") == "EXTERNAL":
            yield (region, "STATIC_ADDRESSES"), 1
            yield (region, "IN_USE_ADDRESSES"), document.get("status") == "IN_USE"
        if segment == "forwardingRules" and not self._reserved[region, document.get("IPAddress", "")]:
            yield (region, "IN_USE_ADDRESSES"), 1  # a reserved address is counted by itself

    def _region(self, parts: list[str]) -> str:
        if parts[3] == "zones":
            return self._settings.zones.get(parts[4], "")
        return parts[4] if parts[3] == "regions" else ""


def from_environment(environment: Mapping[str, str]) -> Mapping[str, Mapping[str, float]] | None:
    """Return a new project's limits, changed as the variable says (``CPUS=100,NETWORKS=20``), or None for ``none``.

    Raises:
        ValueError: it names no quota of the local cloud's, or no number.
    """
    text = environment.get(VARIABLE, "").strip()
    if text == "none":
        return None
    limits = {scope: dict(metrics) for scope, metrics in quotas.NEW_PROJECT.items()}
    for pair in filter(None, (part.strip() for part in text.split(","))):
        metric, _, number = pair.partition("=")
        scopes = [scope for scope, metrics in limits.items() if metric in metrics]
        if not scopes or not number.isdigit():
            known = ", ".join(sorted(name for metrics in limits.values() for name in metrics))
            msg = f"{VARIABLE}={text!r}: {pair!r} must be METRIC=NUMBER with one of {known}; or the whole none, for no limits"
            raise ValueError(msg)
        limits[scopes[0]][metric] = float(number)
    return limits
