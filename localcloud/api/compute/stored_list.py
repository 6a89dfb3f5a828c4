"""Lists of what is in the store: the answer is put together from the documents' JSON texts, which were made when they were written."""

from __future__ import annotations

from typing import TYPE_CHECKING

from localcloud.api.call import Answer
from localcloud.api.compute.listing import listed, page_of
from localcloud.api.compute.versions import for_version
from localcloud.json_text import text_of

if TYPE_CHECKING:
    from localcloud.api.call import Call, Result
    from localcloud.store import Document, Store

_SPARE = 1000  # texts of documents in other locations, or no longer there, that may stay


class StoredList:
    """Lists one collection's documents. Where a filter, an order or a field mask is given, they are looked into; else they are not."""

    def __init__(self, schema: str) -> None:
        self._schema = schema
        self._v1: dict[
            str, tuple[Document, str]
        ] = {}  # by key: a document and its text without what only beta has

    def answer(self, call: Call, prefix: str, *, kind: str, self_link: str) -> Result:
        """Return the page asked for of the documents whose keys start with the prefix."""
        store, query, version = call.cloud.store, call.query, call.method.api.version
        keys = store.keys(prefix)
        if query.get("filter") or query.get("orderBy") or query.get("fields"):
            found = [store.get(key) for key in keys]
            documents = [for_version(each, self._schema, version) for each in found if each is not None]
            return listed(call, documents, kind=kind, self_link=self_link)
        start, end, token = page_of(call, len(keys))
        texts = [self._text(store, key, version) for key in keys[start:end]]
        head = {"kind": kind, "id": self_link.partition("/v1/")[2], "selfLink": self_link}
        if token:
            head["nextPageToken"] = token
        text = text_of(head)
        if texts:
            text = f'{text[:-1]},"items":[{",".join(texts)}]}}'
        if len(self._v1) > 2 * len(keys) + _SPARE:
            self._v1 = {key: known for key, known in self._v1.items() if store.get(key) is known[0]}
        return Answer(content=text.encode())

    def _text(self, store: Store, key: str, version: str) -> str:
        if version != "v1":
            return store.text(key) or ""
        document = store.get(key) or {}
        known = self._v1.get(key)
        if known is None or known[0] is not document:
            trimmed = for_version(document, self._schema, version)
            text = (store.text(key) or "") if trimmed is document else text_of(trimmed)
            known = self._v1[key] = (document, text)
        return known[1]
