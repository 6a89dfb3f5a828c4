"""Images: the function that finds one, and the forms in which a disk names one."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from localcloud.provider.equality import last_segment, relative_link
from localcloud.provider.errors import ApiError, ProviderError
from localcloud.provider.mapping import v1_link

if TYPE_CHECKING:
    from localcloud.provider.session import Session
    from localcloud.provider.values import Properties, Value

GET_IMAGE = "gcp:compute/getImage:getImage"

_LINK = re.compile(r"projects/([^/]+)/global/images/(family/)?([^/]+)$")
_ARGUMENTS = ("project", "name", "family", "filter", "mostRecent")


async def get_image(session: Session, arguments: Properties) -> Properties:
    """Find an image by name or as the newest of a family; shapes and texts as the provider's `compute.getImage`."""
    unknown = sorted(set(arguments) - set(_ARGUMENTS))
    if unknown:
        raise ProviderError(f"{unknown[0]} is no argument of {GET_IMAGE}; it has {', '.join(_ARGUMENTS)}")
    if arguments.get("filter"):
        raise ProviderError(
            f"filter is {arguments['filter']!r}: the local cloud finds images by name or family only; give one of these"
        )
    project = session.project_of(arguments)
    name, family = arguments.get("name"), arguments.get("family")
    if bool(name) == bool(family):
        raise ProviderError(
            f"name is {name!r} and family is {family!r}: exactly one of them names an image; set one"
        )
    path = f"projects/{project}/global/images/" + (str(name) if name else f"family/{family}")
    image = await session.rest.request("GET", session.rest.endpoints.compute_url(path))
    return _properties(image, project, most_recent=bool(arguments.get("mostRecent")))


def _properties(image: dict[str, Value], project: str, *, most_recent: bool) -> Properties:
    return {
        "archiveSizeBytes": int(image.get("archiveSizeBytes") or 0),
        "creationTimestamp": image.get("creationTimestamp", ""),
        "description": image.get("description", ""),
        "diskSizeGb": int(image.get("diskSizeGb") or 0),
        "family": image.get("family", ""),
        "id": f"projects/{project}/global/images/{image['name']}",
        "imageEncryptionKeySha256": (image.get("imageEncryptionKey") or {}).get("sha256", ""),
        "imageId": str(image.get("id", "")),
        "labelFingerprint": image.get("labelFingerprint", ""),
        "labels": image.get("labels") or {},
        "licenses": image.get("licenses") or [],
        "mostRecent": most_recent,
        "name": image["name"],
        "project": project,
        "selfLink": v1_link(image.get("selfLink", "")),
        "sourceDisk": image.get("sourceDisk", ""),
        "sourceDiskEncryptionKeySha256": (image.get("sourceDiskEncryptionKey") or {}).get("sha256", ""),
        "sourceDiskId": str(image.get("sourceDiskId", "")),
        "sourceImageId": str(image.get("sourceImageId", "")),
        "status": image.get("status", ""),
    }


async def resolve_image(session: Session, project: str, text: str) -> str:
    """Return the relative link of an image named by link, ``project/name``, ``family/name`` or name, asking the API where it must."""
    link = relative_link(text)
    if _LINK.search(link):
        return link
    if link.startswith("global/images/"):
        return f"projects/{project}/{link}"
    parts = link.split("/")
    if len(parts) == 2 and parts[0] == "family":
        return await _first(session, text, [f"projects/{project}/global/images/family/{parts[1]}"])
    owner, name = (parts[0], parts[-1]) if len(parts) in (2, 3) else (project, parts[0])
    if len(parts) > 3 or (len(parts) == 3 and parts[1] != "family"):
        raise ProviderError(
            f"image {text!r}: not a link, project/name, project/family/name, family/name or name; use one of these"
        )
    base = f"projects/{owner}/global/images/"
    choices = [f"{base}family/{name}"] if len(parts) == 3 else [f"{base}{name}", f"{base}family/{name}"]
    return await _first(session, text, choices)


async def _first(session: Session, text: str, choices: list[str]) -> str:
    for choice in choices:
        try:
            await session.rest.request("GET", session.rest.endpoints.compute_url(choice))
        except ApiError as error:
            if error.status != 404:
                raise
        else:
            return choice
    raise ProviderError(
        f"image {text!r}: there is none such (looked for {', '.join(choices)}); see `gcloud compute images list`"
    )


def same_image(old: str, new: str) -> bool:
    """Tell whether a program's way of naming an image can mean the one in the state, without asking the API."""
    before, after = relative_link(old), relative_link(new)
    if before == after:
        return True
    if not before or not after or _LINK.search(after):
        return False
    found = _LINK.search(before)
    if found is None or last_segment(after) != found[3]:
        return False
    owner = after.split("/")[0]
    return "/" not in after or owner in ("family", "global", found[1])
