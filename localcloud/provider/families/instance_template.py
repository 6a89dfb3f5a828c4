"""Instance templates: never changed, only replaced; a name prefix gives each a name of its own."""

from __future__ import annotations

import binascii
import itertools
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from localcloud.provider.check import Naming
from localcloud.provider.compute import ComputeResource, Settings, has_labels
from localcloud.provider.equality import canonical_scope, last_segment
from localcloud.provider.families.disk import disk_as_in_state, read_disk, write_disk
from localcloud.provider.families.image import resolve_image
from localcloud.provider.families.network_interface import read_interface, write_interface
from localcloud.provider.families.scheduling import read_scheduling, write_scheduling
from localcloud.provider.labels import read_labels
from localcloud.provider.mapping import Body, Scope, Table, expand, flatten, look, v1_link
from localcloud.provider.resource import Request, Timeouts
from localcloud.provider.values import UNKNOWN, Properties

if TYPE_CHECKING:
    from collections.abc import Callable

    from localcloud.provider.diff import Change
    from localcloud.provider.session import Session

_PROPERTIES = "properties"
_LONGEST_LONG_PREFIX = 37


# The properties that are plain values under `properties`, with their names there.
_NESTED = {
    "advancedMachineFeatures": "advancedMachineFeatures",
    "canIpForward": "canIpForward",
    "confidentialInstanceConfig": "confidentialInstanceConfig",
    "guestAccelerators": "guestAccelerators",
    "guestAccelerators.count": "acceleratorCount",
    "guestAccelerators.type": "acceleratorType",
    "instanceDescription": "description",
    "keyRevocationActionType": "keyRevocationActionType",
    "machineType": "machineType",
    "minCpuPlatform": "minCpuPlatform",
    "networkPerformanceConfig": "networkPerformanceConfig",
    "resourceManagerTags": "resourceManagerTags",
    "shieldedInstanceConfig": "shieldedInstanceConfig",
    "workloadIdentityConfig": "workloadIdentityConfig",
}
TABLE = Table(
    names={name: (api if "." in name else f"{_PROPERTIES}.{api}") for name, api in _NESTED.items()},
    kept=frozenset(
        {
            "confidentialInstanceConfig",
            "shieldedInstanceConfig.enableSecureBoot",
            "shieldedInstanceConfig.enableVtpm",
            "shieldedInstanceConfig.enableIntegrityMonitoring",
        }
    ),
    local=frozenset(
        {
            "deletionPolicy",
            "namePrefix",
            "project",
            "region",
            "labels",
            "disks",
            "networkInterfaces",
            "scheduling",
            "serviceAccount",
            "tags",
            "metadata",
        }
        | {
            "metadataStartupScript",
            "partnerMetadata",
            "reservationAffinity",
            "resourcePolicies",
            "enableDisplay",
        }
    ),
    unread=frozenset({"resourceManagerTags"}),
    readers={"confidentialInstanceConfig": lambda body, _: _read_confidential(body)},
)


def _read_confidential(body: Body) -> Properties | None:
    """Read confidential computing's settings, of which an empty object says that it is off."""
    config = look(body, f"{_PROPERTIES}.confidentialInstanceConfig")
    if config is None:
        return None
    return {
        "confidentialInstanceType": config.get("confidentialInstanceType", ""),
        "enableConfidentialCompute": bool(config.get("enableConfidentialCompute")),
    }


class InstanceTemplate(ComputeResource):
    """A template: what a group's instances are made of. Read by its numeric id, which no later template of the name has."""

    never_updated = True

    def __init__(
        self, resource_type: str, settings: Settings, now: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        super().__init__(resource_type, settings)
        self._now = now
        self._count = itertools.count(1)

    def plan(self, session: Session, inputs: Properties, prior: Properties | None = None) -> Properties:
        """Plan, with scopes in full; the name that a prefix leads to is not known before."""
        planned = super().plan(session, inputs, prior)
        account = planned.get("serviceAccount")
        if isinstance(account, dict) and isinstance(account.get("scopes"), list):
            planned["serviceAccount"] = {
                **account,
                "scopes": [canonical_scope(scope) for scope in account["scopes"]],
            }
        if prior is None and not inputs.get("name"):
            planned["name"] = UNKNOWN
        return planned

    def changes(
        self, session: Session, state: Properties, news: Properties, ignored: tuple[str, ...] = ()
    ) -> list[Change]:
        """Compare, with images named in other ways taken for what they mean."""
        return super().changes(session, state, _as_in_state(state, news), ignored)

    def body(self, scope: Scope, planned: Properties) -> Body:
        """Write the template; `create` has asked the API about the disks' images."""
        body = expand(self.schema.fields, planned, TABLE, scope)
        inner = body.setdefault(_PROPERTIES, {})
        body["name"] = planned["name"]
        disks = planned.get("disks") or []
        inner["disks"] = [
            write_disk(disk, first=index == 0, image=disk.get("sourceImage") or "")
            for index, disk in enumerate(disks)
        ]
        if planned.get("networkInterfaces"):
            inner["networkInterfaces"] = [
                write_interface(interface, scope) for interface in planned["networkInterfaces"]
            ]
        inner["scheduling"] = write_scheduling(planned.get("scheduling"))
        metadata = dict(planned.get("metadata") or {})
        if planned.get("metadataStartupScript"):
            metadata["startup-script"] = planned["metadataStartupScript"]
        inner["metadata"] = (
            {"items": [{"key": key, "value": str(metadata[key])} for key in sorted(metadata)]}
            if metadata
            else {}
        )
        account = planned.get("serviceAccount")
        if isinstance(account, dict):
            inner["serviceAccounts"] = [
                {"email": account.get("email") or "default", "scopes": sorted(account.get("scopes") or [])}
            ]
        if planned.get("tags"):
            inner["tags"] = {"items": planned["tags"], **({"fingerprint": ""} if self.regional else {})}
        if has_labels(planned):
            inner["labels"] = planned["effectiveLabels"]
        self._write_rest(inner, planned)
        return body

    def _write_rest(self, inner: Body, planned: Properties) -> None:
        if isinstance(planned.get("enableDisplay"), bool):
            inner["displayDevice"] = {"enableDisplay": planned["enableDisplay"]}
        if planned.get("resourcePolicies"):
            inner["resourcePolicies"] = [last_segment(planned["resourcePolicies"])]
        if planned.get("partnerMetadata"):
            inner["partnerMetadata"] = {
                key: {"entries": value} for key, value in planned["partnerMetadata"].items()
            }
        affinity = planned.get("reservationAffinity")
        if isinstance(affinity, dict):
            inner["reservationAffinity"] = {
                "consumeReservationType": affinity["type"],
                **(affinity.get("specificReservation") or {}),
            }

    def state(self, scope: Scope, body: Body, prior: Properties) -> Properties:
        """Read the template."""
        state = flatten(self.schema.fields, body, TABLE, scope, prior)
        inner = body.get(_PROPERTIES) or {}
        before = prior.get("disks") or []
        state["disks"] = [
            read_disk(disk, before[at] if at < len(before) and isinstance(before[at], dict) else {})
            for at, disk in enumerate(inner.get("disks") or [])
        ]
        state["networkInterfaces"] = [
            read_interface(item, scope) for item in inner.get("networkInterfaces") or []
        ]
        state["scheduling"] = read_scheduling(inner.get("scheduling"))
        self._read_metadata(state, inner, prior)
        accounts = inner.get("serviceAccounts") or []
        state["serviceAccount"] = (
            {"email": accounts[0].get("email", ""), "scopes": accounts[0].get("scopes") or []}
            if accounts
            else None
        )
        state["tags"] = look(inner, "tags.items") or []
        state["tagsFingerprint"] = look(inner, "tags.fingerprint") or ""
        state["project"] = scope.project
        state["region"] = (scope.region if self.regional else scope.session.region) or None
        state["namePrefix"] = prior.get("namePrefix")
        state["numericId"] = str(body.get("id", ""))
        link = str(v1_link(body.get("selfLink", "")))
        state["selfLink"] = link
        if not self.regional:
            state["selfLinkUnique"] = f"{link}?uniqueId={body.get('id', '')}"
        if "deletionPolicy" in state:
            state["deletionPolicy"] = state["deletionPolicy"] or "DELETE"
        read_labels(state, inner.get("labels") or {}, prior)
        return state

    def _read_metadata(self, state: Properties, inner: Body, prior: Properties) -> None:
        metadata = {item["key"]: item.get("value", "") for item in look(inner, "metadata.items") or []}
        if prior.get("metadataStartupScript"):
            state["metadataStartupScript"] = metadata.pop("startup-script", "")
        state["metadata"] = metadata
        state["metadataFingerprint"] = look(inner, "metadata.fingerprint") or (None if self.regional else "")
        display = look(inner, "displayDevice.enableDisplay")
        state["enableDisplay"] = display if isinstance(display, bool) else None
        affinity = inner.get("reservationAffinity")
        state["reservationAffinity"] = _read_affinity(affinity) if affinity else None

    async def create(self, request: Request) -> tuple[str, Properties]:
        """Name the template, find its images, and post it."""
        planned = {**request.planned, "name": self.rotated_name(request.planned)}
        project = request.session.project_of(planned)
        disks = []
        for disk in planned.get("disks") or []:
            image = disk.get("sourceImage")
            found = (
                await resolve_image(request.session, project, image)
                if isinstance(image, str) and image
                else ""
            )
            disks.append({**disk, "sourceImage": found})
        planned["disks"] = disks
        return await super().create(Request(request.session, planned, request.timeout))

    def rotated_name(self, planned: Properties) -> str:
        """Return the name: as given, or the prefix and 26 digits of which time and a count make a new one each call."""
        name = planned.get("name")
        if isinstance(name, str) and name:
            return name
        prefix = planned.get("namePrefix") or "terraform-"
        moment = self._now().strftime("%Y%m%d%H%M%S%f")[:18]
        if len(prefix) > _LONGEST_LONG_PREFIX:
            digest = binascii.crc32(f"{moment}{next(self._count)}".encode())
            return f"{prefix[:54]}{digest:08x}"[:63]
        return f"{prefix}{moment}{next(self._count):08x}"

    async def read(self, session: Session, resource_id: str, state: Properties) -> Properties | None:
        """Read by the numeric id in the state; a template of the same name that came later is another one."""
        unique = str(state.get("selfLinkUnique") or "").partition("?uniqueId=")[2]
        if unique:
            scope, _ = self.parse(session, resource_id, state)
            resource_id = self.path(scope, unique)
        return await super().read(session, resource_id, state)


def _read_affinity(affinity: Body) -> Properties:
    specific = (
        {"key": affinity.get("key", ""), "values": affinity.get("values") or []}
        if affinity.get("key")
        else None
    )
    return {"type": affinity.get("consumeReservationType", ""), "specificReservation": specific}


def _as_in_state(state: Properties, news: Properties) -> Properties:
    """Write the new inputs as the state has them, where they mean the same."""
    result = dict(news)
    olds = state.get("disks") or []
    disks = news.get("disks")
    if isinstance(disks, list):
        result["disks"] = [
            disk_as_in_state(olds[at] if at < len(olds) else {}, disk) for at, disk in enumerate(disks)
        ]
    if not news.get("name") and news.get("namePrefix"):
        result["name"] = state.get("name")
    return result


INSTANCE_TEMPLATE = InstanceTemplate(
    "gcp:compute/instanceTemplate:InstanceTemplate",
    Settings(
        collection="global/instanceTemplates",
        table=TABLE,
        labels="attributed",
        timeouts=Timeouts(create=240, update=None, delete=240),
        schema_version="1",
        naming=Naming(prefix_property="namePrefix"),
        read_by_id=True,
        view="&view=FULL",
    ),
)
