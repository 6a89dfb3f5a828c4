"""The gcloud commands that scripts/bootstrap gives, over the REST API of a local cloud: so that what it sets up can be tried.

    GCLOUD_ENDPOINT=http://127.0.0.1:PORT GCLOUD_TOKEN=... GCLOUD_NOTES=FOLDER python -m tests.e2e.gcloud ARGUMENTS

Workload identity federation is a matter between CI and Google, of which a local cloud knows nothing: those things are only remembered.
Anything else that is not known is an error.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

# APIs that a local cloud does not have: they are CI's, not the program's.
_ELSEWHERE = {"iamcredentials.googleapis.com", "logging.googleapis.com", "sts.googleapis.com"}


class Gcloud:
    """One project of one cloud."""

    def __init__(self, endpoint: str, token: str, notes: Path) -> None:
        self._endpoint, self._token, self._notes = endpoint, token, notes

    def call(self, method: str, path: str, body: object = None) -> dict[str, Any]:
        """Send one request; a refusal ends the program in gcloud's words."""
        request = urllib.request.Request(
            self._endpoint + path, data=None if body is None else json.dumps(body).encode(), method=method
        )
        request.add_header("Authorization", f"Bearer {self._token}")
        request.add_header("Content-Type", "application/json")
        try:
            with urllib.request.urlopen(request, timeout=30) as response:
                found: dict[str, Any] = json.load(response)
        except urllib.error.HTTPError as error:
            sys.exit(f"ERROR: (gcloud) {'NOT_FOUND: ' if error.code == 404 else ''}{error.read().decode()}")
        return found

    def run(self, words: list[str]) -> str:
        """Do what one command says; returns what it prints."""
        verbs, given = _split(words)
        project = str(given.project)
        match verbs:
            case ["services", "enable", *services]:
                self.call(
                    "POST",
                    f"/serviceusage/v1/projects/{project}/services:batchEnable",
                    {"serviceIds": sorted({*services} - _ELSEWHERE)},
                )
            case ["storage", "buckets", "describe", url]:
                return str(self.call("GET", f"/storage/v1/b/{_bucket(url)}")["name"])
            case ["storage", "buckets", "create", url]:
                guards = {
                    "uniformBucketLevelAccess": {"enabled": given.uniform_bucket_level_access},
                    "publicAccessPrevention": "enforced" if given.public_access_prevention else "inherited",
                }
                bucket = {"name": _bucket(url), "location": given.location, "iamConfiguration": guards}
                self.call("POST", f"/storage/v1/b?project={project}", bucket)
            case ["storage", "buckets", "update", url]:
                self.call(
                    "PATCH", f"/storage/v1/b/{_bucket(url)}", {"versioning": {"enabled": given.versioning}}
                )
            case ["storage", "buckets", "add-iam-policy-binding", url]:
                path = f"/storage/v1/b/{_bucket(url)}/iam"
                self.call("PUT", path, _with(self.call("GET", path), given))
            case ["iam", "service-accounts", "describe", email]:
                return str(self.call("GET", f"/v1/projects/{project}/serviceAccounts/{email}")["email"])
            case ["iam", "service-accounts", "create", name]:
                account = {"accountId": name, "serviceAccount": {"displayName": given.display_name}}
                self.call("POST", f"/v1/projects/{project}/serviceAccounts", account)
            case ["iam", "service-accounts", "add-iam-policy-binding", email]:
                path = f"/v1/projects/{project}/serviceAccounts/{email}"
                policy = self.call("POST", f"{path}:getIamPolicy", {})
                self.call("POST", f"{path}:setIamPolicy", {"policy": _with(policy, given)})
            case ["projects", "add-iam-policy-binding", name]:
                path = f"/crm/v1/projects/{name}"
                policy = self.call("POST", f"{path}:getIamPolicy", {"options": {"requestedPolicyVersion": 3}})
                self.call("POST", f"{path}:setIamPolicy", {"policy": _with(policy, given)})
            case ["projects", "describe", name]:
                return str(self.call("GET", f"/crm/v1/projects/{name}")["projectNumber"])
            case ["iam", "workload-identity-pools", *rest]:
                return self._remember(rest)
            case _:
                sys.exit(f"ERROR: (gcloud) not known here: {words}")
        return ""

    def _remember(self, words: list[str]) -> str:
        name = words[-1]
        note = self._notes / "-".join([*words[:-2], name])
        if words[-2] == "describe" and not note.exists():
            sys.exit("ERROR: (gcloud) NOT_FOUND")
        note.touch()
        return name


def _split(words: list[str]) -> tuple[list[str], argparse.Namespace]:
    parser = argparse.ArgumentParser(allow_abbrev=False)
    for name in ("project", "member", "role", "condition", "location", "display-name", "format"):
        parser.add_argument(f"--{name}")
    for name in ("workload-identity-pool", "issuer-uri", "attribute-mapping", "attribute-condition"):
        parser.add_argument(f"--{name}")
    for name in ("quiet", "uniform-bucket-level-access", "public-access-prevention", "versioning"):
        parser.add_argument(f"--{name}", action="store_true")
    given, verbs = parser.parse_known_args(words)
    if unknown := [word for word in verbs if word.startswith("-")]:
        sys.exit(f"ERROR: (gcloud) unrecognized arguments: {unknown}")
    return verbs, given


def _bucket(url: str) -> str:
    return url.removeprefix("gs://")


def _with(policy: dict[str, Any], given: argparse.Namespace) -> dict[str, Any]:
    binding: dict[str, Any] = {"role": given.role, "members": [given.member]}
    if given.condition not in (None, "None"):
        # ^;^ says that the separator is a semicolon.
        parts = given.condition.removeprefix("^;^").split(";")
        binding["condition"] = dict(part.split("=", 1) for part in parts)
    return {**policy, "version": 3, "bindings": [*policy.get("bindings", []), binding]}


if __name__ == "__main__":
    gcloud = Gcloud(
        os.environ["GCLOUD_ENDPOINT"], os.environ["GCLOUD_TOKEN"], Path(os.environ["GCLOUD_NOTES"])
    )
    print(gcloud.run(sys.argv[1:]))
