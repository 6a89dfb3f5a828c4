"""Versions of secrets: the values. A version never changes, except for being enabled or not."""

from __future__ import annotations

import base64
import binascii
import re
from typing import TYPE_CHECKING

from localcloud.provider.errors import ApiError, PartialError, ProviderError
from localcloud.provider.resource import Request, Resource
from localcloud.provider.values import UNKNOWN, Properties, Value

if TYPE_CHECKING:
    from localcloud.provider.session import Session

Body = dict[str, Value]
_NAME = re.compile(r"projects/[^/]+/secrets/[^/]+/versions/([^/]+)$")


class SecretVersion(Resource):
    """One value of a secret. It is never read back into the state: what the program gave stays there, encrypted."""

    naming = None

    def plan(self, session: Session, inputs: Properties, prior: Properties | None = None) -> Properties:
        """Plan; what happens on deletion is said only once the version exists."""
        planned = super().plan(session, inputs, prior)
        if prior is None and "deletionPolicy" not in inputs:
            planned["deletionPolicy"] = UNKNOWN
        return planned

    async def create(self, request: Request) -> tuple[str, Properties]:
        """Add the version, say whether it is enabled, and read it."""
        planned, rest = request.planned, request.session.rest
        secret = str(planned["secret"])
        if not secret.startswith("projects/"):
            secret = f"projects/{request.session.project_of({})}/secrets/{secret}"
        data = planned.get("secretData") or planned.get("secretDataWo") or ""
        body = {"payload": {"data": _encoded(str(data), ready=planned.get("isSecretDataBase64") is True)}}
        answer = await rest.request("POST", rest.endpoints.secret_manager_url(f"{secret}:addVersion"), body)
        name = str(answer["name"])
        try:
            await self._enable(request, name, on=planned.get("enabled") is not False)
            state = await self.read(request.session, name, planned)
        except ProviderError as error:
            known = {key: None if value is UNKNOWN else value for key, value in planned.items()}
            raise PartialError(str(error), name, known) from error
        if state is None:
            raise ProviderError(
                f"secret version {name} was added but is not there; something else destroyed it"
            )
        return name, state

    async def _enable(self, request: Request, name: str, *, on: bool) -> None:
        rest = request.session.rest
        action = "enable" if on else "disable"
        await rest.request("POST", rest.endpoints.secret_manager_url(f"{name}:{action}"))

    async def read(self, session: Session, resource_id: str, state: Properties) -> Properties | None:
        """Read the version; a destroyed one is gone."""
        match = _NAME.search(resource_id)
        if match is None:
            raise ProviderError(
                f"id {resource_id!r}: not in the form projects/PROJECT/secrets/SECRET/versions/VERSION; import it by that"
            )
        try:
            body = await session.rest.request("GET", session.rest.endpoints.secret_manager_url(resource_id))
        except ApiError as error:
            if error.status == 404:
                return None
            raise
        if body.get("state") == "DESTROYED":
            return None
        return _state(body, match[1], state)

    async def update(self, request: Request) -> Properties:
        """Enable or disable the version."""
        if bool(request.prior.get("enabled")) != bool(request.planned.get("enabled")):
            await self._enable(request, request.id, on=bool(request.planned.get("enabled")))
        state = await self.read(request.session, request.id, request.planned)
        if state is None:
            raise ProviderError(f"secret version {request.id} is gone; run `pulumi refresh`")
        return state

    async def delete(self, request: Request) -> None:
        """Destroy the value, or as `deletionPolicy` says disable it."""
        disabled = request.prior.get("deletionPolicy") == "DISABLE"
        rest = request.session.rest
        action = "disable" if disabled else "destroy"
        try:
            await rest.request("POST", rest.endpoints.secret_manager_url(f"{request.id}:{action}"))
        except ApiError as error:
            if error.status != 404:
                raise


def _encoded(data: str, *, ready: bool) -> str:
    if not ready:
        return base64.b64encode(data.encode()).decode()
    try:
        base64.b64decode(data, validate=True)
    except binascii.Error as error:
        raise ProviderError(
            "isSecretDataBase64 is true, and secretData is not base64; encode it, or leave isSecretDataBase64 out"
        ) from error
    return data


def _as_given(given: Value, read: str) -> str:
    """Return the secret's name as the program has it: Google answers with the project's number in its place."""
    same = isinstance(given, str) and given.rpartition("/")[2] == read.rpartition("/")[2]
    return str(given) if same else read


def _state(body: Body, version: str, prior: Properties) -> Properties:
    def kept(name: str) -> Value:
        return None if prior.get(name) is UNKNOWN else prior.get(name)

    name = str(body.get("name", ""))
    return {
        "createTime": body.get("createTime", ""),
        "deletionPolicy": kept("deletionPolicy") or "DELETE",
        "destroyTime": body.get("destroyTime", ""),
        "enabled": body.get("state") == "ENABLED",
        "isSecretDataBase64": bool(kept("isSecretDataBase64")),
        "name": name,
        "project": kept("project"),
        "secret": _as_given(kept("secret"), name.partition("/versions/")[0]),
        "secretData": kept("secretData"),
        "secretDataWo": None,
        "secretDataWoVersion": int(kept("secretDataWoVersion") or 0),
        "version": version,
    }


SECRET_VERSION = SecretVersion("gcp:secretmanager/secretVersion:SecretVersion")
