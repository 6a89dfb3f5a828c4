"""The disks of an instance template."""

from __future__ import annotations

from localcloud.provider.equality import last_segment, relative_link
from localcloud.provider.families.image import same_image
from localcloud.provider.mapping import v1_link
from localcloud.provider.values import UNKNOWN, Properties, Value

Body = dict[str, Value]

# Property and API name of what is set when the disk is made from something rather than attached.
_INITIAL = {
    "diskName": "diskName",
    "provisionedIops": "provisionedIops",
    "provisionedThroughput": "provisionedThroughput",
    "resourceManagerTags": "resourceManagerTags",
    "labels": "labels",
    "sourceSnapshot": "sourceSnapshot",
    "storagePool": "storagePool",
}
_ATTACHED = ("deviceName", "interface", "mode", "type", "architecture")
_KEY = {
    "kmsKeySelfLink": "kmsKeyName",
    "kmsKeyServiceAccount": "kmsKeyServiceAccount",
    "rawKey": "rawKey",
    "rsaEncryptedKey": "rsaEncryptedKey",
}
_SCRATCH_GB = 375


def write_disk(disk: Properties, *, first: bool, image: str) -> Body:
    """Write one disk; `image` is its source image's link. Sizes travel as text, as 64-bit integers do in Google's JSON."""
    given: Properties = {
        name: value
        for name, value in disk.items()
        if value not in (None, UNKNOWN, "", 0, {}, []) or value is True
    }
    size = str(given["diskSizeGb"]) if "diskSizeGb" in given else ""
    body: Body = {name: given[name] for name in _ATTACHED if name in given}
    if given.get("autoDelete"):
        body["autoDelete"] = True
    if given.get("boot", first):
        body["boot"] = True
    if size:
        body["diskSizeGb"] = size
    if "diskEncryptionKey" in given:
        body["diskEncryptionKey"] = _write_key(given["diskEncryptionKey"])
    if "guestOsFeatures" in given:
        body["guestOsFeatures"] = [{"type": feature} for feature in given["guestOsFeatures"]]
    if "source" in given:
        body["source"] = given["source"]
        return body
    initial: Body = {"diskType": given.get("diskType", "pd-standard")}
    initial.update({api: given[name] for name, api in _INITIAL.items() if name in given})
    if size:
        initial["diskSizeGb"] = size
    if image:
        initial["sourceImage"] = image
    if "resourcePolicies" in given:
        initial["resourcePolicies"] = [last_segment(given["resourcePolicies"])]
    for name in ("sourceImageEncryptionKey", "sourceSnapshotEncryptionKey"):
        if name in given:
            initial[name] = _write_key(given[name])
    body["initializeParams"] = initial
    return body


def _write_key(key: Properties) -> Body:
    return {api: key[name] for name, api in _KEY.items() if key.get(name)}


def read_disk(disk: Body, prior: Properties) -> Properties:
    """Read one disk; what the API never tells (keys, snapshots) stays as it was."""
    initial = disk.get("initializeParams") or {}
    size = int(disk.get("diskSizeGb") or initial.get("diskSizeGb") or 0)
    if not size and disk.get("type") == "SCRATCH":
        size = _SCRATCH_GB
    key = disk.get("diskEncryptionKey")
    policies = initial.get("resourcePolicies") or []
    return {
        "architecture": _known(prior.get("architecture")) or "",
        "autoDelete": bool(disk.get("autoDelete")),
        "boot": bool(disk.get("boot")),
        "deviceName": disk.get("deviceName", ""),
        "diskEncryptionKey": _read_key(key, prior.get("diskEncryptionKey")) if key else None,
        "diskName": initial.get("diskName", ""),
        "diskSizeGb": size,
        "diskType": initial.get("diskType", ""),
        "guestOsFeatures": [feature.get("type", "") for feature in disk.get("guestOsFeatures") or []],
        "interface": disk.get("interface", ""),
        "labels": dict(initial.get("labels") or {}),
        "mode": disk.get("mode", ""),
        "provisionedIops": int(initial.get("provisionedIops") or 0),
        "provisionedThroughput": int(initial.get("provisionedThroughput") or 0),
        "resourceManagerTags": dict(initial.get("resourceManagerTags") or {}),
        "resourcePolicies": policies[0] if policies else None,
        "source": v1_link(disk.get("source")) or "",
        "sourceImage": relative_link(str(initial.get("sourceImage", ""))),
        "sourceImageEncryptionKey": _known(prior.get("sourceImageEncryptionKey")),
        "sourceSnapshot": _known(prior.get("sourceSnapshot")) or "",
        "sourceSnapshotEncryptionKey": _known(prior.get("sourceSnapshotEncryptionKey")),
        "storagePool": last_segment(str(initial.get("storagePool", ""))),
        "type": disk.get("type", ""),
    }


def _known(value: Value) -> Value:
    return None if value is UNKNOWN else value


def _read_key(key: Body, prior: Value) -> Properties:
    account = prior.get("kmsKeyServiceAccount", "") if isinstance(prior, dict) else ""
    return {"kmsKeySelfLink": key.get("kmsKeyName", ""), "kmsKeyServiceAccount": account or ""}


def disk_as_in_state(old: Properties, disk: Value) -> Value:
    """Write a program's disk as the state has it, where its image is the same under another name."""
    if not isinstance(disk, dict):
        return disk
    before, after = old.get("sourceImage"), disk.get("sourceImage")
    if isinstance(before, str) and isinstance(after, str) and same_image(before, after):
        return {**disk, "sourceImage": before}
    return disk
