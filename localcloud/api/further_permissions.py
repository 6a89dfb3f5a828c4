"""Permissions that a method needs beside its own: on what a resource refers to, and what Google's reference lists further.

Who may create a forwarding rule may not yet send an existing backend service traffic: that takes the service's `use`. The sources are the
"IAM permissions" of each method's page in Google's reference, and the refusals of Google's that name a `use`. The owner needs none.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from localcloud.api.authorization import Resource, authorize, project_policy
from localcloud.api.permissions import object_resource, project_resource

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator, Mapping

    from localcloud.api.call import Call, Handler, Result

    Needs = Iterator[tuple[str, Resource]]

_POLICY = ("compute.networks.updatePolicy",)
# A group makes its instances with the permissions of whoever sets its template.
_MAKES_INSTANCES = (
    "compute.instanceTemplates.useReadOnly",
    "compute.instances.create",
    "compute.instances.setMetadata",
    "compute.disks.create",
    "compute.images.useReadOnly",
    "compute.subnetworks.use",
)
_ALWAYS: dict[str, tuple[str, ...]] = {
    "compute.firewalls.insert": _POLICY,
    "compute.firewalls.patch": ("compute.firewalls.get", *_POLICY),
    "compute.firewalls.update": _POLICY,
    "compute.firewalls.delete": _POLICY,
    "compute.subnetworks.insert": _POLICY,
    "compute.subnetworks.patch": ("compute.subnetworks.get",),
    "compute.routers.insert": _POLICY,
    "compute.routers.patch": ("compute.routers.get",),
    "compute.networks.patch": ("compute.networks.get",),
    "compute.autoscalers.insert": ("compute.instanceGroupManagers.use",),
    "compute.autoscalers.patch": ("compute.autoscalers.get",),
    "compute.regionAutoscalers.insert": ("compute.instanceGroupManagers.use",),
    "compute.regionAutoscalers.patch": ("compute.autoscalers.get",),
    "compute.healthChecks.patch": ("compute.healthChecks.get",),
    "compute.regionHealthChecks.patch": ("compute.regionHealthChecks.get",),
    "compute.regionBackendServices.patch": ("compute.regionBackendServices.get",),
    "compute.instances.attachDisk": ("compute.disks.use",),
    "compute.instances.detachDisk": ("compute.disks.use",),
    "compute.instanceGroupManagers.insert": _MAKES_INSTANCES,
    "compute.instanceGroupManagers.setInstanceTemplate": _MAKES_INSTANCES,
    "compute.instanceGroupManagers.delete": ("compute.instanceGroups.delete",),
    "compute.regionInstanceGroupManagers.insert": _MAKES_INSTANCES,
    "compute.regionInstanceGroupManagers.setInstanceTemplate": _MAKES_INSTANCES,
    "compute.regionInstanceGroupManagers.delete": ("compute.instanceGroups.delete",),
    "storage.buckets.patch": ("storage.buckets.get",),
}
_GRANTS = "cloudresourcemanager.projects.setIamPolicy"


def guarded(method: str, handler: Handler) -> Handler:
    """Return the handler of a method that asks for these permissions first, or itself if the method needs no others."""
    ask = _ASKED.get(method, _nothing)
    always = _ALWAYS.get(method, ())
    if ask is _nothing and not always:
        return handler

    def guarding(call: Call) -> Result | Awaitable[Result]:
        if call.principal is None or not call.principal.owner:
            for permission in always:
                authorize(call.cloud, call.principal, permission, project_resource(call.cloud))
            for permission, resource in ask(call):
                authorize(call.cloud, call.principal, permission, resource)
        return handler(call)

    return guarding


def _nothing(_: Call) -> Needs:
    yield from ()


def _template(call: Call) -> Needs:
    """Instances will be whoever the template names: that takes the right to act as it."""
    for account in call.body.get("properties", {}).get("serviceAccounts", []):
        if account.get("email"):
            yield "iam.serviceAccounts.actAs", _service_account(call, account["email"])


def _group(call: Call) -> Needs:
    project = project_resource(call.cloud)
    if call.method.id.endswith((".patch", ".update")):
        yield "compute.instanceGroupManagers.get", project
        if call.body.get("instanceTemplate") or call.body.get("versions"):
            for permission in _MAKES_INSTANCES:
                yield permission, project
    for policy in call.body.get("autoHealingPolicies", []):
        if policy.get("healthCheck"):
            yield _reading(policy["healthCheck"]), project


def _backend_service(call: Call) -> Needs:
    project = project_resource(call.cloud)
    for check in call.body.get("healthChecks", []):
        yield _reading(check), project
    if call.body.get("backends"):
        yield "compute.instanceGroups.use", project


def _forwarding_rule(call: Call) -> Needs:
    project = project_resource(call.cloud)
    if call.body.get("backendService"):
        yield "compute.regionBackendServices.use", project
    if "/addresses/" in call.body.get("IPAddress", ""):
        yield "compute.addresses.use", project
    if call.body.get("subnetwork"):
        yield "compute.subnetworks.use", project


def _alert_policy(call: Call) -> Needs:
    """An alert that goes by log entries is a rule of Cloud Logging's too."""
    if any("conditionMatchedLog" in condition for condition in call.body.get("conditions", [])):
        verb = "create" if call.method.id.endswith(".create") else "update"
        yield f"logging.notificationRules.{verb}", project_resource(call.cloud)


def _copy(call: Call) -> Needs:
    """Of a copy the destination: to be created, and what is there to be deleted."""
    yield from _written(call, call.path.get("destinationBucket") or call.path["bucket"])


def _compose(call: Call) -> Needs:
    bucket = call.path["destinationBucket"]
    for source in call.body.get("sourceObjects", []):
        place = object_resource(call.cloud, bucket, source.get("name", ""))
        yield "storage.objects.get", place
        if call.body.get("deleteSourceObjects"):
            yield "storage.objects.delete", place
    yield from _written(call, bucket)


def _written(call: Call, bucket: str) -> Needs:
    name = call.path["destinationObject"]
    yield "storage.objects.create", object_resource(call.cloud, bucket, name)
    yield from _overwritten(call, bucket, name)


def _overwritten(call: Call, bucket: str, name: str) -> Needs:
    """Writing over an object takes the right to delete it."""
    if call.cloud.store.get(f"storage/b/{bucket}/o/{name}") is not None:
        yield "storage.objects.delete", object_resource(call.cloud, bucket, name)


def check_overwriting(call: Call, bucket: str, name: str) -> None:
    """Refuse an upload over an object that the caller may not delete; where it goes is known only from the upload itself."""
    if call.principal is None or not call.principal.owner:
        for permission, resource in _overwritten(call, bucket, name):
            authorize(call.cloud, call.principal, permission, resource)


def _grants(call: Call) -> Needs:
    """Conditions may allow the grant of some roles and not of others: so it is judged by the roles whose bindings change."""
    before = call.cloud.store.get(project_policy(call.cloud)) or {}
    after = call.body.get("policy", {})
    roles = {
        role
        for role in {*_bound(before), *_bound(after)}
        if _bound(before).get(role) != _bound(after).get(role)
    }
    project = project_resource(call.cloud)
    yield (
        "resourcemanager.projects.setIamPolicy",
        Resource(
            policies=project.policies, name=project.name, words=project.words, modified_roles=frozenset(roles)
        ),
    )


def _bound(policy: Mapping[str, Any]) -> dict[str, frozenset[tuple[str, str]]]:
    found: dict[str, set[tuple[str, str]]] = {}
    for binding in policy.get("bindings", []):
        condition = (binding.get("condition") or {}).get("expression", "")
        found.setdefault(binding["role"], set()).update(
            (member, condition) for member in binding.get("members", [])
        )
    return {role: frozenset(members) for role, members in found.items()}


def _reading(check: str) -> str:
    kind = "regionHealthChecks" if "/regions/" in f"/{check}" else "healthChecks"
    return f"compute.{kind}.useReadOnly"


def _service_account(call: Call, email: str) -> Resource:
    name = f"projects/{call.cloud.settings.project}/serviceAccounts/{email}"
    return Resource(
        policies=(f"iam/{name}/iam", project_policy(call.cloud)), name=name, words="service account"
    )


_ASKED: dict[str, Callable[[Call], Needs]] = {
    "compute.instanceTemplates.insert": _template,
    "compute.regionInstanceTemplates.insert": _template,
    "compute.instanceGroupManagers.insert": _group,
    "compute.instanceGroupManagers.patch": _group,
    "compute.instanceGroupManagers.update": _group,
    "compute.regionInstanceGroupManagers.insert": _group,
    "compute.regionInstanceGroupManagers.patch": _group,
    "compute.regionInstanceGroupManagers.update": _group,
    "compute.regionBackendServices.insert": _backend_service,
    "compute.regionBackendServices.patch": _backend_service,
    "compute.regionBackendServices.update": _backend_service,
    "compute.forwardingRules.insert": _forwarding_rule,
    "monitoring.projects.alertPolicies.create": _alert_policy,
    "monitoring.projects.alertPolicies.patch": _alert_policy,
    "storage.objects.copy": _copy,
    "storage.objects.rewrite": _copy,
    "storage.objects.move": _copy,
    "storage.objects.compose": _compose,
    _GRANTS: _grants,
}
