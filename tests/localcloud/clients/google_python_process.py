"""Google's own Python clients in a process of their own: a line of JSON in is a call, a line out is what came of it.

They cannot be in the tests' process: the engine's protocol stubs, which our plugin speaks, and Google's both define google.rpc.Status,
and protobuf allows one of them in a process.
"""

from __future__ import annotations

import base64
import io
import json
import re
import sys
from typing import TYPE_CHECKING, Any

from google.api_core.client_options import ClientOptions
from google.api_core.exceptions import GoogleAPICallError
from google.cloud import compute_v1, storage
from google.oauth2.credentials import Credentials

if TYPE_CHECKING:
    from collections.abc import Mapping

Json = dict[str, Any]


class Compute:
    """`compute_v1`'s clients of one cloud, made as they are needed; told nothing but where the cloud is and a token."""

    def __init__(self, address: str, token: str) -> None:
        self._options = ClientOptions(api_endpoint=address)
        self._credentials = Credentials(token=token)
        self._services: dict[str, Any] = {}
        self._storage = Storage(address, self._credentials)

    def _service(self, resource: str) -> Any:  # noqa: ANN401 - one of a hundred generated classes
        if resource not in self._services:
            made = getattr(compute_v1, resource[0].upper() + resource[1:] + "Client")
            self._services[resource] = made(credentials=self._credentials, client_options=self._options)
        return self._services[resource]

    def call(self, method: str, body: Mapping[str, Any] | None, parameters: Mapping[str, Any]) -> Json:
        """Call a method by its id in the discovery document; an operation is waited for."""
        service_name, _, rest = method.partition(".")
        if service_name == "storage":
            found = getattr(self._storage, rest)(parameters["bucket"], *parameters["arguments"])
            return {"result": found or []}
        resource, verb = rest.split(".")
        kind = resource[0].upper() + resource[1:]
        request = getattr(compute_v1, f"{verb[0].upper()}{verb[1:]}{_noun(kind, verb)}Request")()
        options = dict(parameters)
        only, mask = options.pop("one_page", False), options.pop("mask", None)
        for name, value in options.items():
            setattr(request, _snake(name), value)
        fields = type(request).meta.fields
        if body is not None:
            field = next(name for name in fields if name.endswith("_resource"))
            setattr(request, field, fields[field].message.from_json(json.dumps(body)))
        service = self._service(resource)
        # The waiting that comes with the client's ordinary methods asks compute.googleapis.com, whatever its endpoint is.
        unary = getattr(service, f"{_snake(verb)}_unary", None)
        if unary is not None:
            return self._finished(unary(request=request))
        metadata = [("x-goog-fieldmask", mask)] if mask else []
        # Its own retries go on for ten minutes where a service is unavailable: here that is what is asked about.
        answer = getattr(service, _snake(verb))(request=request, metadata=metadata, retry=None)
        if only:
            return _json(next(answer.pages))
        if hasattr(answer, "pages"):
            return _joined([_json(page) for page in answer.pages])
        return _json(answer)

    def _finished(self, operation: compute_v1.Operation) -> Json:
        while operation.status != compute_v1.Operation.Status.DONE:
            resource, where = "globalOperations", {}
            for scope in ("region", "zone"):
                if getattr(operation, scope):
                    resource, where = (
                        f"{scope}Operations",
                        {scope: getattr(operation, scope).rpartition("/")[2]},
                    )
            project = operation.self_link.partition("/projects/")[2].partition("/")[0]
            operation = self._service(resource).wait(project=project, operation=operation.name, **where)
        if operation.error.errors:
            raise RefusedOperation(operation.http_error_status_code, operation.error.errors[0].message)
        return {"name": operation.name}


class Storage:
    """google-cloud-storage: a method for each step of a scenario. Contents are in base64, because they travel as JSON."""

    def __init__(self, address: str, credentials: Credentials) -> None:
        options = ClientOptions(api_endpoint=address)
        self._client = storage.Client(project="p", credentials=credentials, client_options=options)

    def make(self, bucket: str) -> None:
        """Make a bucket."""
        self._client.create_bucket(bucket)

    def put(self, bucket: str, name: str, content: str, new: bool) -> None:
        """Write an object in one request, with its metadata (multipart)."""
        blob = self._client.bucket(bucket).blob(name)
        blob.upload_from_string(base64.b64decode(content), if_generation_match=0 if new else None)

    def put_in_parts(self, bucket: str, name: str, content: str) -> None:
        """Write an object by a resumable upload."""
        blob = self._client.bucket(bucket).blob(name, chunk_size=256 * 1024)
        blob.upload_from_file(io.BytesIO(base64.b64decode(content)))

    def get(self, bucket: str, name: str) -> list[str]:
        """Return an object's content."""
        return [base64.b64encode(self._client.bucket(bucket).blob(name).download_as_bytes()).decode()]

    def copy(self, bucket: str, name: str, to: str, target: str, new: bool) -> None:
        """Copy an object."""
        where = self._client.bucket(bucket)
        condition = 0 if new else None
        where.copy_blob(where.blob(name), self._client.bucket(to), target, if_generation_match=condition)

    def rewrite(self, bucket: str, name: str, to: str, target: str) -> None:
        """Copy an object by rewriting it, in as many calls as that takes."""
        source, token = self._client.bucket(bucket).blob(name), None
        made = self._client.bucket(to).blob(target)
        while True:
            token, _, _ = made.rewrite(source, token=token)
            if token is None:
                return

    def move(self, bucket: str, name: str, target: str) -> None:
        """Give an object another name."""
        where = self._client.bucket(bucket)
        where.move_blob(where.blob(name), target)

    def compose(self, bucket: str, target: str, *names: str) -> None:
        """Put objects one behind the other."""
        where = self._client.bucket(bucket)
        where.blob(target).compose([where.blob(name) for name in names])

    def names(self, bucket: str, prefix: str) -> list[str]:
        """Return the names of objects that begin with a prefix."""
        return [blob.name for blob in self._client.list_blobs(bucket, prefix=prefix)]

    def grant(self, bucket: str, role: str, member: str) -> None:
        """Add a binding to the bucket's policy."""
        where = self._client.bucket(bucket)
        policy = where.get_iam_policy(requested_policy_version=3)
        policy.bindings.append({"role": role, "members": {member}})
        where.set_iam_policy(policy)

    def remove(self, bucket: str, name: str) -> None:
        """Delete an object."""
        self._client.bucket(bucket).blob(name).delete()

    def remove_bucket(self, bucket: str) -> None:
        """Delete an empty bucket."""
        self._client.bucket(bucket).delete()


class RefusedOperation(Exception):  # noqa: N818 - the client has no error of this kind
    """An operation that ended with an error: its HTTP status and message."""


def _json(message: Any) -> Json:  # noqa: ANN401 - of one of a thousand generated classes
    """Return a message as the API wrote it."""
    text = type(message).to_json(
        message, preserving_proto_field_name=False, including_default_value_fields=False
    )
    plain: Json = json.loads(text)
    return plain


def _joined(pages: list[Json]) -> Json:
    """Return pages as one answer."""
    whole: Json = {}
    for page in pages:
        for name, value in page.items():
            if isinstance(value, list):
                whole[name] = [*whole.get(name, []), *value]
            elif isinstance(value, dict):
                whole[name] = {**whole.get(name, {}), **value}
    return whole


def _noun(kind: str, verb: str) -> str:
    """Return the resource's name as request classes have it: InsertNetworkRequest, but ListNetworksRequest."""
    if hasattr(compute_v1, f"{verb[0].upper()}{verb[1:]}{kind}Request"):
        return kind
    return re.sub("(?<=ss)es$|s$", "", kind)


def _snake(name: str) -> str:
    return re.sub("([A-Z])", lambda found: "_" + found[1].lower(), name)


def main() -> None:
    """Answer calls until the input ends."""
    clouds: dict[str, Compute] = {}
    for line in sys.stdin:
        asked = json.loads(line)
        address = asked["address"]
        compute = clouds.setdefault(address, Compute(address, asked["token"]))
        try:
            result: Json = {"answer": compute.call(asked["method"], asked["body"], asked["parameters"])}
        except GoogleAPICallError as error:
            result = {"refused": [int(error.code or 0), str(error.message)]}
        except RefusedOperation as error:
            result = {"refused": list(error.args)}
        print(json.dumps(result), flush=True)


if __name__ == "__main__":
    main()
