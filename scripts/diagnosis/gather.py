"""Looks at a deployed group and all that belongs to it, over REST alone; nothing is changed."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from scripts.diagnosis import access, documents
from scripts.diagnosis.documents import last
from scripts.diagnosis.facts import Access, Check, Facts, Instance, Script
from scripts.diagnosis.google_api import CannotLookError, GoogleApi, RefusedError, quoted, relative
from scripts.diagnosis.reach import Reach, reach

if TYPE_CHECKING:
    from collections.abc import Sequence


Document = dict[str, Any]
_AT_ONCE = 8  # requests
_NOT_SERVED = 501  # the local cloud's answer to what it has not: it has no routes


@dataclass
class Gatherer:
    """Reads what one report needs. What may not be read is noted in `unseen` and left out."""

    api: GoogleApi
    unseen: list[str] = field(default_factory=list)

    def facts(self, group_link: str) -> Facts:
        """Look at everything.

        Args:
            group_link: link of the instance group or of its manager.

        Raises:
            CannotLookError: the group cannot be read.
        """
        path = relative(group_link).replace("/instanceGroups/", "/instanceGroupManagers/")
        try:
            manager = self.api.get("compute", path)
        except RefusedError as error:
            msg = f"the group {last(path)} cannot be read: {error}; is the stack deployed, and this its project?"
            raise CannotLookError(msg) from error
        managed = self._list(f"{path}/listManagedInstances", "managedInstances", by_post=True)
        location = path.rpartition("/instanceGroupManagers/")[0]
        base = "/".join(location.split("/")[:2])  # projects/P
        template = self._get(relative(_template(manager))) or {}
        properties = template.get("properties") or {}
        account = ((properties.get("serviceAccounts") or [{}])[0]).get("email", "")
        interface = (properties.get("networkInterfaces") or [{}])[0]
        network = interface.get("network", "")
        services = self._backends(_region(location), path)
        rules = [
            rule
            for rule in self._list(f"{_region(location)}/forwardingRules")
            if any(
                relative(rule.get("backendService", "")) == relative(service["selfLink"])
                for service in services
            )
        ]
        metadata = {
            item["key"]: item.get("value", "")
            for item in (properties.get("metadata") or {}).get("items") or []
        }
        tags = set((properties.get("tags") or {}).get("items") or [])
        scaler = (manager.get("status") or {}).get("autoscaler")
        found = self._get(relative(scaler)) if scaler else None
        port = metadata.get("service-port", "")
        return Facts(
            group=documents.group(path, manager, self._list(f"{path}/listErrors")),
            instances=self._instances(managed, self._verdicts(services, path)),
            checks=self._checks(manager, services),
            network=last(network),
            firewall=documents.firewall_rules(self._list(f"{base}/global/firewalls"), network, tags, account),
            forwarding_rules=tuple(documents.forwarding_rule(rule) for rule in rules),
            autoscaler=documents.autoscaler(found) if found else None,
            script=self._script(metadata.get("startup-script-url", ""), account, base.rpartition("/")[2]),
            service_port=int(port) if port.isdigit() else None,
            reach=self._reach(interface, base),
            unseen=tuple(self.unseen),
        )

    def _reach(self, interface: Document, base: str) -> Reach | None:
        link = relative(interface.get("subnetwork", ""))
        subnetwork = self._get(link) if link else None
        if subnetwork is None:
            return None
        routers = self._list(f"{link.partition('/subnetworks/')[0]}/routers")
        try:
            routes = self.api.items("compute", f"{base}/global/routes", "items")
        except RefusedError as error:
            routes = None
            if error.code != _NOT_SERVED:
                self.unseen.append(f"routes: {error}")
        return reach(interface, subnetwork, routers, routes)

    def _get(self, path: str, service: str = "compute", **query: str) -> Document | None:
        try:
            return self.api.get(service, path, **query)
        except RefusedError as error:
            self.unseen.append(f"{last(path)}: {error}")
            return None

    def _list(self, path: str, fields: str = "items", *, by_post: bool = False) -> list[Document]:
        try:
            return self.api.items("compute", path, fields, by_post=by_post)
        except RefusedError as error:
            self.unseen.append(f"{last(path)}: {error}")
            return []

    def _backends(self, region: str, manager: str) -> list[Document]:
        group = manager.replace("/instanceGroupManagers/", "/instanceGroups/")
        return [
            service
            for service in self._list(f"{region}/backendServices")
            if any(relative(backend["group"]) == group for backend in service.get("backends") or [])
        ]

    def _verdicts(self, services: Sequence[Document], manager: str) -> list[Document]:
        group = manager.replace("/instanceGroupManagers/", "/instanceGroups/")
        found: list[Document] = []
        for service in services:
            try:
                answer = self.api.post(
                    "compute", f"{relative(service['selfLink'])}/getHealth",
                    {"group": f"https://www.googleapis.com/compute/v1/{group}"},
                )  # fmt: skip
            except RefusedError as error:
                self.unseen.append(f"health of {service['name']}: {error}")
                continue
            found += answer.get("healthStatus", [])
        return found

    def _checks(self, manager: Document, services: Sequence[Document]) -> tuple[Check, ...]:
        found = []
        for policy in manager.get("autoHealingPolicies") or []:
            link = policy.get("healthCheck", "")
            if link and (document := self._get(relative(link))):
                found.append(documents.check("autohealing", link, document))
        links = {link for service in services for link in service.get("healthChecks") or []}
        found += [
            documents.check("balancer", link, document)
            for link in sorted(links)
            if (document := self._get(relative(link)))
        ]
        return tuple(found)

    def _instances(self, managed: Sequence[Document], verdicts: list[Document]) -> tuple[Instance, ...]:
        with ThreadPoolExecutor(max_workers=_AT_ONCE) as pool:
            found = list(pool.map(lambda one: self._instance(one, verdicts), managed))
        return tuple(sorted(found, key=lambda one: one.name))

    def _instance(self, managed: Document, verdicts: list[Document]) -> Instance:
        path = relative(managed["instance"])
        document: Document | None = None
        serial: str | None = None
        try:
            document = self.api.get("compute", path)
            serial = str(self.api.get("compute", f"{path}/serialPort", port="1").get("contents", ""))
        except RefusedError as error:
            if error.code != 404:  # an instance that is being made or deleted is not there for a while
                self.unseen.append(f"{last(path)}: {error}")
        return documents.instance(managed, document, verdicts, serial)

    def _script(self, url: str, account: str, project: str) -> Script | None:
        bucket, _, name = url.removeprefix("gs://").partition("/")
        if not url.startswith("gs://") or not name:
            return None  # inline, or somebody else's server: nothing to ask of Cloud Storage
        exists: bool | None = True
        try:
            self.api.get("storage", f"b/{quoted(bucket)}/o/{quoted(name)}")
        except RefusedError as error:
            exists = False if error.code == 404 else None
            if exists is None:
                self.unseen.append(f"{url}: {error}")
        return Script(bucket=bucket, name=name, exists=exists, access=self._access(bucket, account, project))

    def _access(self, bucket: str, account: str, project: str) -> Access:
        policies: dict[str, Document | None] = {}
        try:
            policies[f"bucket {bucket}"] = self.api.get(
                "storage", f"b/{quoted(bucket)}/iam", optionsRequestedPolicyVersion="3"
            )
        except RefusedError as error:
            policies[f"bucket {bucket}"] = None
            self.unseen.append(f"IAM policy of the bucket {bucket}: {error}")
        try:
            options = {"options": {"requestedPolicyVersion": 3}}
            policies[f"project {project}"] = self.api.post("crm", f"projects/{project}:getIamPolicy", options)
        except RefusedError as error:
            policies[f"project {project}"] = None
            self.unseen.append(f"IAM policy of the project {project}: {error}")
        return access.reading(
            account,
            project,
            policies,
            lambda role: tuple(self.api.get("iam", role).get("includedPermissions", [])),
        )


def _template(manager: Document) -> str:
    versions = manager.get("versions") or []
    return str(
        (versions[-1].get("instanceTemplate") if versions else "") or manager.get("instanceTemplate", "")
    )


def _region(location: str) -> str:
    """Return the region's path of a region's or a zone's: the balancer is regional, whatever the group is."""
    head, _, name = location.rpartition("/")
    if head.endswith("/zones"):
        return f"{head.removesuffix('/zones')}/regions/{name.rpartition('-')[0]}"
    return location
