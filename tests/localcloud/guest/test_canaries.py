"""Twenty secrets, each where somebody would put one, and that none of them is found where it does not belong.

Where it belongs: the document that the secret was given in, the instance it was given to, the file it was put into. Everything else
that the cloud keeps, says, passes to a program or shows to another instance is looked through, byte by byte.
"""

from __future__ import annotations

import base64
import logging
import os
import secrets
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from localcloud.guest import processes
from tests.localcloud.guest.cloud import EMAIL, OWNER, Cloud, in_cloud

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.kernel

METADATA = "curl -sm60 -H Metadata-Flavor:Google http://169.254.169.254/computeMetadata/v1"
_AUTHORITY = "guest/trust/ca.key"
NAMES = (
    "metadata value", "start-up script", "script in the bucket", "object", "secret version", "project metadata", "disk", "home", "memory",
    "process argument", "environment", "guest attribute", "shutdown script", "ssh key", "standard input", "command output", "label",
    "bootstrap password", "unit file",
)  # fmt: skip


def canaries() -> dict[str, str]:
    """Return a fresh secret per place."""
    return {name: f"canary{number}x{secrets.token_hex(12)}" for number, name in enumerate(NAMES)}


def spellings(value: str) -> list[bytes]:
    """Return a secret as it may be written: plain, and in base64 at each of its three alignments (less the edges)."""
    plain = value.encode()
    shifted = [base64.b64encode(b"\0" * shift + plain)[4:-4] for shift in range(3)]
    return [plain, *shifted]


def processes_of_the_host() -> Iterator[tuple[str, bytes]]:
    """Yield what everybody on the host may read of processes: their arguments; and the environments that this user may."""
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit() and int(folder.name) != os.getpid():
            for name in ("cmdline", "environ"):
                try:
                    yield f"{folder}/{name}", (folder / name).read_bytes()
                except OSError:
                    continue


def files(folder: Path, *, without: Path) -> Iterator[tuple[str, bytes]]:
    """Yield every file below a folder but those below another."""
    for place, _, names in os.walk(folder):
        if not Path(place).is_relative_to(without):
            for name in names:
                path = Path(place, name)
                # The instances live on meanwhile, and what they remove is gone.
                with suppress(FileNotFoundError):
                    if path.is_file() and not path.is_symlink():
                        yield str(path), path.read_bytes()


@in_cloud
async def test_no_secret_is_found_where_it_does_not_belong(cloud: Cloud) -> None:
    secret = canaries()
    said: list[str] = []
    handler = logging.Handler()
    handler.emit = lambda record: said.append(record.getMessage())  # type: ignore[method-assign]
    logging.getLogger().addHandler(handler)
    logging.getLogger().setLevel(logging.DEBUG)
    try:
        await _live(cloud, secret)
    finally:
        logging.getLogger().removeHandler(handler)
        logging.getLogger().setLevel(logging.WARNING)
    await _look(cloud, secret, "\n".join(said).encode())


async def _live(cloud: Cloud, secret: dict[str, str]) -> None:
    """Put every secret where it belongs, and use it."""
    await cloud.put_object("script.sh", f"#!/bin/bash\n: {secret['script in the bucket']}\n")
    await cloud.put_object("data", secret["object"])
    await cloud.allow_reading()
    await cloud.call(
        "POST", "/secretmanager/v1/projects/local/secrets?secretId=s", json={"replication": {"automatic": {}}}
    )
    payload = {"payload": {"data": base64.b64encode(secret["secret version"].encode()).decode()}}
    await cloud.call("POST", "/secretmanager/v1/projects/local/secrets/s:addVersion", json=payload)
    with cloud.store.transaction() as change:
        items = [{"key": "shared", "value": secret["project metadata"]}]
        change.put("compute/projects/local", {"name": "local", "commonInstanceMetadata": {"items": items}})
    metadata = {
        "password": secret["metadata value"],
        "bootstrap": secret["bootstrap password"],
        "ssh-keys": f"ann:ssh-ed25519 {secret['ssh key']} ann",
        "enable-guest-attributes": "TRUE",
        "shutdown-script": f": {secret['shutdown script']}",
        "startup-script-url": "gs://scripts/script.sh",
        "startup-script": f"#!/bin/bash\n: {secret['start-up script']}\ncurl -sm60 -X PUT --data "
        f"{secret['guest attribute']} -H Metadata-Flavor:Google http://169.254.169.254/computeMetadata/v1/instance/guest-attributes/a/b\n",
    }
    owner = await cloud.boot_with(metadata, "owner", labels={"key": secret["label"]})
    await cloud.boot_with({}, "neighbour")
    await cloud.settled(owner)
    unit = f"[Service]\nType=oneshot\nEnvironment=KEY={secret['unit file']}\nExecStart=/bin/true\n"
    await cloud.said(
        owner,
        f"echo {secret['disk']} > /var/lib/key; echo {secret['home']} > /root/key; echo {secret['memory']} > /dev/shm/key;"
        f"printf '{unit}' > /etc/systemd/system/k.service; systemctl daemon-reload; systemctl start k;"
        f"bash -c 'exec -a {secret['process argument']} sleep 1000' >/dev/null 2>&1 </dev/null &"
        f"KEY={secret['environment']} sleep 1000 >/dev/null 2>&1 </dev/null &",
    )
    session = cloud.machines.exec(owner.id, ["/bin/cat"], stdin=secret["standard input"].encode())
    assert (await session).stdout == secret["standard input"].encode()
    assert secret["command output"] in await cloud.said(owner, f"echo {secret['command output']}")


async def _look(cloud: Cloud, secret: dict[str, str], said: bytes) -> None:
    """Look for each secret, and for every token, everywhere else."""
    owner, neighbour = cloud.specs["owner"], cloud.specs["neighbour"]
    token = await cloud.said(owner, f"{METADATA}/instance/service-accounts/default/token")
    assert "ya29" in token
    sought = {
        **secret,
        "instance's token": token.partition('"access_token":"')[2].partition('"')[0],
        "owner's token": OWNER,
        "authority's key": (cloud.home.path / _AUTHORITY).read_text().splitlines()[1],
    }
    assert len(sought) >= 20
    belongs = cloud.home.instance(owner.id)
    objects = cloud.home.path / "objects"
    places = {
        "the log": said,
        # instances share the host's number for their user: what one's processes say must not be the other's to read
        "the neighbour": (
            await cloud.said(
                neighbour,
                f"{METADATA}/?recursive=true; cat /proc/*/cmdline /proc/*/environ; mount; env; journalctl --no-pager; "
                "grep -rs . /etc /var /root /home /opt /srv /tmp /run /dev/shm",
            )
        ).encode(),
        **dict(processes_of_the_host()),
        **dict(files(cloud.home.path, without=belongs)),
        **{
            key: repr(document).encode()
            for key, document in cloud.store.scan("")
            if not _is_home(key, owner.key)
        },
        "the story": repr(cloud.store.events()).encode(),
    }
    mine = _processes_of(cloud, owner.id)
    found = [
        f"{name} in {place}"
        for name, value in sought.items()
        for place, content in places.items()
        if any(spelling in content for spelling in spellings(value))
        # an instance's own processes belong to it, an object's bytes to the object, and project metadata to every instance
        and not (place.split("/")[2:3] and place.split("/")[2] in mine)
        and not (name in {"object", "script in the bucket"} and place.startswith(str(objects)))
        and not (name == "authority's key" and place.endswith(_AUTHORITY))
        and not (name == "project metadata" and place in {"the neighbour", "compute/projects/local"})
    ]
    assert found == []
    at_home = b"".join(content for _, content in files(belongs, without=belongs / "none"))
    assert all(secret[name].encode() in at_home for name in ("disk", "home", "unit file")), (
        "a secret can be found"
    )
    assert EMAIL.encode() in places["the neighbour"], "it was looked at"


def _is_home(key: str, instance: str) -> bool:
    """Whether a document is one that a secret was given in: the instance, its attributes, the secret's version."""
    return key == instance or key.startswith(
        ("guest/attributes/", "secretmanager/projects/local/secrets/s/versions/")
    )


def _processes_of(cloud: Cloud, machine_id: str) -> set[str]:
    return {str(pid) for pid in processes.Snapshot().tree(cloud.machine(machine_id).record.init)}
