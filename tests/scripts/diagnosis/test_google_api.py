"""Which cloud is asked, and as whom."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

import pytest

from scripts.diagnosis.google_api import CannotLookError, GoogleApi, relative

if TYPE_CHECKING:
    from pathlib import Path

LOCAL = "http://127.0.0.1:5000"


def program(folder: Path, text: str) -> dict[str, str]:
    """Put a program called gcloud on PATH; returns the variables."""
    file = folder / "gcloud"
    file.write_text(f"#!/bin/sh\n{text}\n")
    file.chmod(file.stat().st_mode | stat.S_IXUSR)
    return {"PATH": f"{folder}{os.pathsep}{os.defpath}"}


def test_google_itself_with_a_token_of_gcloud(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    env = program(tmp_path, '[ "$*" = "auth print-access-token" ] && echo ya29.token')
    monkeypatch.setenv("PATH", env["PATH"])
    api = GoogleApi.connect(env)
    assert api.token == "ya29.token"
    assert api.endpoints == {
        "compute": "https://compute.googleapis.com/compute/v1/",
        "storage": "https://storage.googleapis.com/storage/v1/",
        "iam": "https://iam.googleapis.com/v1/",
        "crm": "https://cloudresourcemanager.googleapis.com/v1/",
    }
    assert not api.local


def test_nobody_is_logged_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    env = program(tmp_path, "echo 'no active account' >&2; exit 1")
    monkeypatch.setenv("PATH", env["PATH"])
    with pytest.raises(CannotLookError, match=r"no active account; run gcloud auth login"):
        GoogleApi.connect(env)


def test_without_gcloud_and_without_a_token_it_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(CannotLookError, match="gcloud auth login"):
        GoogleApi.connect({"PATH": str(tmp_path)})


def test_a_local_cloud_by_the_providers_variables() -> None:
    api = GoogleApi.connect({
        "GOOGLE_OAUTH_ACCESS_TOKEN": "owner",
        "GOOGLE_COMPUTE_CUSTOM_ENDPOINT": f"{LOCAL}/compute/beta/",
        "GOOGLE_STORAGE_CUSTOM_ENDPOINT": f"{LOCAL}/storage/v1/",
        "GOOGLE_IAM_CUSTOM_ENDPOINT": f"{LOCAL}/iam/v1/",
        "GOOGLE_RESOURCE_MANAGER_CUSTOM_ENDPOINT": f"{LOCAL}/crm/v1/",
    })  # fmt: skip
    assert api.endpoints["compute"] == f"{LOCAL}/compute/v1/"
    assert api.endpoints["crm"] == f"{LOCAL}/crm/v1/"
    assert api.local


def test_a_local_cloud_by_gclouds_variables(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("owner\n")
    overrides = "CLOUDSDK_API_ENDPOINT_OVERRIDES_"
    api = GoogleApi.connect({
        "CLOUDSDK_AUTH_ACCESS_TOKEN_FILE": str(tmp_path / "token"),
        f"{overrides}COMPUTE": f"{LOCAL}/compute/v1/",
        f"{overrides}STORAGE": f"{LOCAL}/storage/v1/",
        f"{overrides}IAM": f"{LOCAL}/",
        f"{overrides}CLOUDRESOURCEMANAGER": f"{LOCAL}/crm/",
    })  # fmt: skip
    assert api.token == "owner"
    assert (api.endpoints["iam"], api.endpoints["crm"]) == (f"{LOCAL}/v1/", f"{LOCAL}/crm/v1/")


def test_links_are_followed_on_the_endpoint_only() -> None:
    path = "projects/p/global/healthChecks/h"
    assert relative(f"https://www.googleapis.com/compute/v1/{path}") == path
    assert relative(f"https://elsewhere.example/compute/beta/{path}") == path
    assert relative(path) == path


def test_an_endpoint_that_does_not_answer_is_named() -> None:
    api = GoogleApi(endpoints={"compute": "http://127.0.0.1:1/compute/v1/"}, token="t")
    with pytest.raises(CannotLookError, match=r"http://127\.0\.0\.1:1/compute/v1/projects/p cannot be read"):
        api.get("compute", "projects/p")
