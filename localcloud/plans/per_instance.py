"""Per-instance configurations of managed groups: what one instance keeps when it is made anew. Shared through the store.

Each is a document at ``control/per-instance-configs/{group's relative name}/{instance's name}``, of Google's schema
PerInstanceConfig: {"name", "preservedState": {"metadata": {}, "disks": {}, ...}, "fingerprint", "status"}.

Who writes what:

- The API puts the document, with status UNAPPLIED when it is new or changed. What is deleted stays, as UNAPPLIED_DELETION, while the
  group has an instance of that name. Instances that are created with a configuration have it before they are there.
- The controllers give a member its configuration whenever they make or remake it, or when they are asked to by
  ``applyUpdatesToInstances`` (or proactively, as the update policy says): APPLYING, then EFFECTIVE. They delete the
  document whose deletion they have applied, and those of instances that left the group.
"""

from __future__ import annotations

PREFIX = "control/per-instance-configs/"

UNAPPLIED = "UNAPPLIED"
APPLYING = "APPLYING"
EFFECTIVE = "EFFECTIVE"
UNAPPLIED_DELETION = "UNAPPLIED_DELETION"
DELETING = "DELETING"


def prefix_of(group: str) -> str:
    """Return what the keys of a group's configurations begin with; `group` is its manager's relative name."""
    return f"{PREFIX}{group}/"


def key_of(group: str, instance: str) -> str:
    """Return the store key of one instance's configuration, by its name."""
    return prefix_of(group) + instance
