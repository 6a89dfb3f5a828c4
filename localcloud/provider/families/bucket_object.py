"""Objects in buckets, uploaded from text or files."""

from __future__ import annotations

import base64
import hashlib
from typing import TYPE_CHECKING
from urllib.parse import quote

from localcloud.provider.check import Naming
from localcloud.provider.diff import Change
from localcloud.provider.errors import ApiError, PartialError, ProviderError
from localcloud.provider.families.content import asset_bytes, multipart, sniff
from localcloud.provider.plan import settle
from localcloud.provider.resource import Request, Resource, Timeouts
from localcloud.provider.values import UNKNOWN, Asset, Properties, Value

if TYPE_CHECKING:
    from pathlib import Path

    from localcloud.provider.session import Session

Body = dict[str, Value]

_TEXTS = (
    "cacheControl",
    "contentDisposition",
    "contentEncoding",
    "contentLanguage",
    "contentType",
    "storageClass",
)
_HOLDS = ("eventBasedHold", "temporaryHold")
_ANY_HASH = "different hash"


class BucketObject(Resource):
    """An object; `content` (a text) or `source` (an asset) is what it holds."""

    timeouts = Timeouts(create=240, update=240, delete=240)
    naming = Naming(longest=255)

    def changes(
        self, session: Session, state: Properties, news: Properties, ignored: tuple[str, ...] = ()
    ) -> list[Change]:
        """Compare; content counts by what it hashes to, whatever hash the inputs mention."""
        changes = super().changes(
            session, state, news, (*ignored, "content", "detectMd5hash", "sourceMd5hash")
        )
        wanted = _wanted_hash(news)
        if wanted is not None and wanted != state.get("md5hash"):
            changes.append(Change("detectMd5hash", "UPDATE", replaces=False))
        return sorted(changes, key=lambda change: change.path)

    def _url(self, session: Session, bucket: str, name: str, query: str = "&prettyPrint=false") -> str:
        return session.rest.endpoints.storage_url(f"b/{bucket}/o/{quote(name, safe='')}", query)

    def _metadata(self, planned: Properties) -> Body:
        body: Body = {"bucket": planned["bucket"]}
        body.update({name: planned[name] for name in _TEXTS if _given(planned.get(name))})
        body.update({name: True for name in _HOLDS if planned.get(name) is True})
        if _given(planned.get("kmsKeyName")):
            body["kmsKeyName"] = planned["kmsKeyName"]
        for name in ("metadata", "retention"):
            if _given(planned.get(name)):
                body[name] = planned[name]
        return body

    async def create(self, request: Request) -> tuple[str, Properties]:
        """Upload the content, then read what it became."""
        planned = request.planned
        bucket, name = str(planned["bucket"]), str(planned["name"])
        if _given(planned.get("customerEncryption")):
            raise ProviderError(
                "customerEncryption is set: the local cloud does not encrypt objects with keys of yours; leave it out"
            )
        content = _content(planned, request.session.folder)
        media_type = str(planned["contentType"]) if _given(planned.get("contentType")) else sniff(content)
        data, content_type = multipart(self._metadata(planned), content, media_type)
        rest = request.session.rest
        await rest.request(
            "POST", rest.endpoints.upload_url(bucket, name), content=data, content_type=content_type
        )
        resource_id = f"{bucket}-{name}"
        try:
            body = await rest.request("GET", self._url(request.session, bucket, name))
        except ProviderError as error:
            known = {key: None if value is UNKNOWN else value for key, value in planned.items()}
            raise PartialError(str(error), resource_id, known) from error
        return resource_id, settle(self.schema.fields, self._state(body, planned), planned)

    def _state(self, body: Body, prior: Properties) -> Properties:
        def kept(name: str) -> Value:
            value = prior.get(name)
            return None if value is UNKNOWN else value

        md5 = str(body.get("md5Hash", ""))
        state: Properties = {
            name: body.get(name, "") for name in (*_TEXTS, "crc32c", "mediaLink", "selfLink", "kmsKeyName")
        }
        state.update({name: bool(body.get(name)) for name in _HOLDS})
        state.update(
            {
                name: kept(name)
                for name in ("content", "customerEncryption", "forceEmptyContentType", "source")
            }
        )
        state.update(
            bucket=kept("bucket") or body.get("bucket", ""),
            contexts=body.get("contexts") or None,
            deletionPolicy=kept("deletionPolicy") or "DELETE",
            detectMd5hash=md5,
            generation=int(body.get("generation") or 0),
            md5hash=md5,
            md5hexhash=base64.b64decode(md5).hex() if md5 else "",
            metadata=body.get("metadata") or {},
            name=body.get("name", ""),
            outputName=body.get("name", ""),
            retention=body.get("retention") or None,
            sourceMd5hash=kept("sourceMd5hash") or "",
        )
        return state

    async def read(self, session: Session, resource_id: str, state: Properties) -> Properties | None:
        """Read the object's metadata; imported by ``bucket/name``."""
        bucket, name = state.get("bucket"), state.get("name")
        if not bucket or not name:
            bucket, _, name = resource_id.removeprefix("gs://").partition("/")
            if not name:
                raise ProviderError(
                    f"id {resource_id!r} of {self.type}: not in the form BUCKET/NAME; import it by that"
                )
            state = {**state, "bucket": bucket}
        try:
            body = await session.rest.request("GET", self._url(session, str(bucket), str(name)))
        except ApiError as error:
            if error.status == 404:
                return None
            raise
        return self._state(body, state)

    def full_id(self, session: Session, imported: str, state: Properties) -> str:
        """Return the id as creation makes it."""
        return f"{state['bucket']}-{state['name']}"

    async def update(self, request: Request) -> Properties:
        """Upload again if the content changed; set holds and retention otherwise."""
        planned = request.planned
        wanted = _wanted_hash(planned)
        if wanted is not None and wanted != request.prior.get("md5hash"):
            _, state = await self.create(request)
            return state
        rest = request.session.rest
        bucket, name = str(planned["bucket"]), str(planned["name"])
        body = {
            hold: bool(planned.get(hold) is True)
            for hold in _HOLDS
            if bool(planned.get(hold)) != bool(request.prior.get(hold))
        }
        if planned.get("retention") != request.prior.get("retention"):
            body["retention"] = planned.get("retention")  # type: ignore[assignment]
        if body:
            await rest.request("PATCH", self._url(request.session, bucket, name), body)
        answer = await rest.request("GET", self._url(request.session, bucket, name))
        return settle(self.schema.fields, self._state(answer, planned), planned)

    async def delete(self, request: Request) -> None:
        """Delete the object; one that is gone already is as wanted."""
        try:
            await request.session.rest.request(
                "DELETE", self._url(request.session, str(request.prior["bucket"]), str(request.prior["name"]))
            )
        except ApiError as error:
            if error.status != 404:
                raise


def _given(value: Value) -> bool:
    return value not in (None, UNKNOWN, "", {}, [])


def _content(planned: Properties, folder: Path | None) -> bytes:
    source, text = planned.get("source"), planned.get("content")
    if isinstance(source, Asset) == isinstance(text, str):
        raise ProviderError(
            f"object {planned.get('name')!r}: exactly one of content and source says what it holds; set one"
        )
    return asset_bytes(source, folder) if isinstance(source, Asset) else str(text).encode()


def _wanted_hash(inputs: Properties) -> str | None:
    """Return the MD5 (base64) of content given as text; None where only the engine's SHA-256 is at hand or nothing is known yet."""
    source, text = inputs.get("source"), inputs.get("content")
    if isinstance(source, Asset) and source.source == "text" and not source.archive:
        text = source.content
    if not isinstance(text, str):
        given = inputs.get("detectMd5hash")
        return given if isinstance(given, str) and given != _ANY_HASH else None
    return base64.b64encode(hashlib.md5(text.encode(), usedforsecurity=False).digest()).decode()


BUCKET_OBJECT = BucketObject("gcp:storage/bucketObject:BucketObject")
