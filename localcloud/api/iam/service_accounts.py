"""Service accounts and their policies."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from localcloud.api import policies, rpc
from localcloud.api.authorization import DENIED, held
from localcloud.api.compute.draft import pruned
from localcloud.api.errors import ApiError
from localcloud.api.permissions import resource_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from localcloud.api.call import Call, Handler, Result
    from localcloud.store import Document

_ACCOUNT_ID = re.compile(r"[a-z][a-z0-9-]{4,28}[a-z0-9]")
_FIRST_UNIQUE_ID = 100_000_000_000_000_000_000  # 21 digits, as Google's
_CHANGEABLE = frozenset({"displayName", "description"})


def key(project: str, email: str) -> str:
    """Return a service account's store key."""
    return f"iam/projects/{project}/serviceAccounts/{email}"


def _email(call: Call) -> str:
    """Return the email that the path means; an account may also be named by its unique id."""
    given = call.path["serviceAccountsId"]
    if given.isdigit():
        for _, account in call.cloud.store.scan(key(call.cloud.settings.project, "")):
            if account.get("uniqueId") == given:
                return str(account["email"])
    return given


def existing(call: Call) -> Document:
    """Return the account that the path means; 404 if there is none."""
    found = call.cloud.store.get(key(call.cloud.settings.project, _email(call)))
    if found is None or "/" in _email(call):
        raise ApiError(404, "notFound", "Unknown service account")
    return found


def _create(call: Call) -> Result:
    project = call.cloud.settings.project
    account_id = call.body.get("accountId", "")
    if not _ACCOUNT_ID.fullmatch(account_id):
        rule = "it must be 6 to 30 lowercase letters, digits and hyphens, beginning with a letter"
        raise ApiError(400, "badRequest", f"Invalid account id '{account_id}': {rule}.")
    email = f"{account_id}@{project}.iam.gserviceaccount.com"
    if call.cloud.store.get(key(project, email)) is not None:
        message = f"Service account {account_id} already exists within project projects/{project}."
        raise ApiError(409, "alreadyExists", message)
    number = _FIRST_UNIQUE_ID + call.cloud.store.next_number("service-account")
    given = call.body.get("serviceAccount", {})
    document = {
        **{name: given[name] for name in _CHANGEABLE if name in given},
        "name": f"projects/{project}/serviceAccounts/{email}",
        "projectId": project,
        "uniqueId": str(number),
        "email": email,
        "etag": policies.etag(call.cloud.store.next_number("etag")),
        "oauth2ClientId": str(number),
    }
    with call.cloud.store.transaction() as tx:
        tx.put(key(project, email), document)
    return document


def _list(call: Call) -> Result:
    accounts = call.cloud.store.scan(key(call.cloud.settings.project, ""))
    found = [document for name, document in accounts if not name.endswith("/iam")]
    return rpc.page(call, found, "accounts", largest=100, size=20)


def _write(call: Call, old: Document, changes: Mapping[str, Any]) -> Document:
    number = call.cloud.store.next_number("etag")
    document: Document = pruned({**old, **changes, "etag": policies.etag(number)})
    with call.cloud.store.transaction() as tx:
        tx.put(key(call.cloud.settings.project, old["email"]), document)
    return document


def _patch(call: Call) -> Result:
    old = existing(call)
    given = call.body.get("serviceAccount") or {}
    mask = [_camel(name) for name in str(call.body.get("updateMask") or "").split(",") if name]
    if not mask:
        raise ApiError(400, "badRequest", "The update mask is empty: name display_name, description or both.")
    wrong = [name for name in mask if name not in _CHANGEABLE]
    if wrong:
        raise ApiError(
            400,
            "badRequest",
            f"The update mask names '{wrong[0]}': only display_name and description change.",
        )
    return _write(call, old, {name: given.get(name) for name in mask})


def _camel(name: str) -> str:
    head, *rest = name.strip().split("_")
    return head + "".join(part.capitalize() for part in rest)


def _update(call: Call) -> Result:
    old = existing(call)
    given = call.body.get("etag")
    if given and given != old["etag"]:
        raise policies.concurrent_change()
    return _write(call, old, {name: call.body[name] for name in _CHANGEABLE if name in call.body})


def _switch(*, disabled: bool) -> Handler:
    def handler(call: Call) -> Result:
        _write(call, existing(call), {"disabled": disabled or None})
        return {}

    return handler


def _delete(call: Call) -> Result:
    account = existing(call)
    place = key(call.cloud.settings.project, account["email"])
    gone = f"serviceAccount:{account['email']}"
    with call.cloud.store.transaction() as tx:
        tx.delete(place)
        policies.forget(tx, f"{place}/iam")
        policies.hurry(call.cloud, tx)
        for name, denied in call.cloud.store.scan(DENIED):
            if denied["principal"] == account["email"]:
                tx.delete(name)
        for name, policy in call.cloud.store.scan(""):
            if (
                "bindings" in policy
                and (name.startswith("crm/") or name.endswith("/iam"))
                and name != f"{place}/iam"
            ):
                bindings = [_without(binding, gone, account["uniqueId"]) for binding in policy["bindings"]]
                if bindings != policy["bindings"]:
                    tx.put(name, {**policy, "bindings": bindings})
    return {}


def _without(binding: Mapping[str, Any], member: str, unique_id: str) -> Mapping[str, Any]:
    """An account made anew under the same name must not inherit what was granted to the old one."""
    if member not in binding.get("members", []):
        return binding
    members = [f"deleted:{member}?uid={unique_id}" if each == member else each for each in binding["members"]]
    return {**binding, "members": members}


def _get_policy(call: Call) -> Result:
    account = existing(call)
    return policies.read(call.cloud, f"{key(call.cloud.settings.project, account['email'])}/iam")


def _set_policy(call: Call) -> Result:
    account = existing(call)
    place = f"{key(call.cloud.settings.project, account['email'])}/iam"
    return policies.replace(call, place, call.body.get("policy", {}), conflict=policies.concurrent_change())


def _test(call: Call) -> Result:
    existing(call)
    return held(call, call.body.get("permissions", []), resource_of(call))


def handlers() -> dict[str, Handler]:
    """Return the handlers by method id."""
    prefix = "iam.projects.serviceAccounts"
    return {
        f"{prefix}.create": _create,
        f"{prefix}.get": existing,
        f"{prefix}.list": _list,
        f"{prefix}.patch": _patch,
        f"{prefix}.update": _update,
        f"{prefix}.delete": _delete,
        f"{prefix}.enable": _switch(disabled=False),
        f"{prefix}.disable": _switch(disabled=True),
        f"{prefix}.getIamPolicy": _get_policy,
        f"{prefix}.setIamPolicy": _set_policy,
        f"{prefix}.testIamPermissions": _test,
    }
