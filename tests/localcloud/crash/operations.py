"""A stream of requests drawn by lot, and what has to be there for those that were acknowledged.

A request whose answer was lost with the daemon may have been taken or not: then what is found decides, and both are well. After an
acknowledgement there is one thing to be found.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.localcloud.crash.cloud import GLOBAL, GROUPS, REGION, CrashCloud, properties
from tests.localcloud.loop.live import TEMPLATES

if TYPE_CHECKING:
    import random
    from collections.abc import Mapping

BUCKET = "crash-bucket"
_COMPUTE = "/compute/v1/"
_OBJECTS = f"/storage/v1/b/{BUCKET}/o"
_AFFINITIES = ("NONE", "CLIENT_IP", "CLIENT_IP_PROTO", "CLIENT_IP_PORT_PROTO")
GONE = "gone"
_RESIZES = 0.03


class Operations:
    """What was asked for. `expected`: by what is read, its marks that may be found; more than one if an answer was lost."""

    def __init__(self, cloud: CrashCloud, rng: random.Random, talker: str) -> None:
        """`talker`: the instance that is given metadata, as the API is asked for it."""
        self._cloud, self._rng, self._talker = cloud, rng, talker
        self._number = 0
        self.expected: dict[str, set[str]] = {}
        self._touched: set[str] = set()
        self.acknowledged = self.lost = 0
        self.size = 2  # the other group's

    async def one(self) -> None:
        """Send one request, and learn from its answer."""
        kinds = (self._firewall, self._address, self._object, self._metadata, self._backend, self._template)
        # a group that changes its size takes a while to come to rest
        kind = self._other if self._rng.random() < _RESIZES else self._rng.choice(kinds)
        await kind()

    async def check(self, *, everything: bool = False) -> None:
        """See that what was acknowledged is there: what was changed since this was asked last, or everything."""
        paths, self._touched = set(self.expected) if everything else self._touched, set()
        for path in sorted(paths & self.expected.keys()):
            marks = self.expected[path]
            found = _mark(path, await self._cloud.read(path))
            assert found in marks, f"{path} is {found}, and was acknowledged as {' or '.join(sorted(marks))}"
            self.expected[path] = {found}

    async def _send(
        self,
        method: str,
        path: str,
        reads: str,
        mark: str,
        body: Any = None,  # noqa: ANN401 - JSON
        **more: Any,  # noqa: ANN401 - as httpx has it
    ) -> None:
        before = self.expected.get(reads, {GONE})
        self._touched.add(reads)
        answer = await self._cloud.ask(method, path, body, **more)
        if answer is None:
            self.lost += 1
            self.expected[reads] = before | {mark}
        elif answer.is_success:
            self.acknowledged += 1
            self.expected[reads] = {mark}
        else:
            # It was taken before its answer was lost, or is on its way.
            assert answer.status_code in {404, 409, 400, 412}, f"{method} {path}: {answer.text}"

    def _some(self, prefix: str) -> str | None:
        known = sorted(
            path for path, marks in self.expected.items() if path.startswith(prefix) and marks != {GONE}
        )
        return self._rng.choice(known) if known and self._rng.random() < 0.6 else None

    async def _firewall(self) -> None:
        collection = f"{_COMPUTE}{GLOBAL}/firewalls"
        path = self._some(f"{collection}/f")
        self._number += 1
        if path is None:
            name = f"f{self._number}"
            rule = {
                "network": f"{GLOBAL}/networks/net",
                "sourceRanges": ["192.0.2.0/24"],
                "allowed": [{"IPProtocol": "tcp"}],
            }
            body = {"name": name, "description": "new", **rule}
            await self._send("POST", collection, f"{collection}/{name}", "new", body)
        elif self._rng.random() < 0.5:
            await self._send("PATCH", path, path, f"n{self._number}", {"description": f"n{self._number}"})
        else:
            await self._send("DELETE", path, path, GONE)

    async def _address(self) -> None:
        collection = f"{_COMPUTE}{REGION}/addresses"
        path = self._some(f"{collection}/a")
        self._number += 1
        if path is None:
            name = f"a{self._number}"
            await self._send("POST", collection, f"{collection}/{name}", "there", {"name": name})
        else:
            await self._send("DELETE", path, path, GONE)

    async def _object(self) -> None:
        path = self._some(f"{_OBJECTS}/o")
        self._number += 1
        if path is None or self._rng.random() < 0.5:
            name = "o" + str(self._number) if path is None else path.rpartition("/")[2]
            size = self._rng.randrange(1, 3_000_000)
            await self._send(
                "POST",
                f"/upload{_OBJECTS}",
                f"{_OBJECTS}/{name}",
                str(size),
                content=self._rng.randbytes(size),
                params={"uploadType": "media", "name": name},
            )
        else:
            await self._send("DELETE", path, path, GONE)

    async def _metadata(self) -> None:
        path = self._talker
        now = await self._cloud.read(path)
        self._number += 1
        items = [each for each in now["metadata"].get("items", ()) if each["key"] != "mark"]
        body = {
            "fingerprint": now["metadata"]["fingerprint"],
            "items": [*items, {"key": "mark", "value": f"m{self._number}"}],
        }
        await self._send("POST", f"{path}/setMetadata", path, f"m{self._number}", body)

    async def _other(self) -> None:
        path = f"{_COMPUTE}{GROUPS}/other"
        self.size = self._rng.randrange(1, 4)
        await self._send("POST", f"{path}/resize", path, str(self.size), params={"size": self.size})

    async def _backend(self) -> None:
        path = f"{_COMPUTE}{REGION}/backendServices/other"
        affinity = self._rng.choice(_AFFINITIES)
        await self._send("PATCH", path, path, affinity, {"sessionAffinity": affinity})

    async def _template(self) -> None:
        path = self._some(f"{_COMPUTE}{TEMPLATES}/t")
        self._number += 1
        if path is None:
            name = f"t{self._number}"
            body = {"name": name, "properties": properties("#!/bin/sh\n")}
            await self._send("POST", f"{_COMPUTE}{TEMPLATES}", f"{_COMPUTE}{TEMPLATES}/{name}", "there", body)
        else:
            await self._send("DELETE", path, path, GONE)


def _mark(path: str, found: Mapping[str, Any] | None) -> str:
    """Return what tells one state of a resource from another."""
    if found is None:
        return GONE
    if "/firewalls/" in path:
        return str(found["description"])
    if path.startswith(_OBJECTS):
        return str(found["size"])
    if "/instances/lone-" in path:
        return next(
            (str(each["value"]) for each in found["metadata"]["items"] if each["key"] == "mark"), "none"
        )
    if path.endswith("/backendServices/other"):
        return str(found["sessionAffinity"])
    if path.endswith("/instanceGroupManagers/other"):
        return str(found["targetSize"])
    return "there"
