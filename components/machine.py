"""What an instance is made of: machine type, image, disk, and the switches of a hardened production instance."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

import pulumi

from components.invalid_argument import InvalidArgumentError, require_choice, require_range
from components.kms_key import require_key_name
from components.labels import require_labels
from components.resource_name import require_resource_name

_OWN_METADATA = {
    "startup-script": "mig-nlb:startup",
    "startup-script-url": "mig-nlb:startup",
    "startup-script-digest": "mig-nlb:startup",
    "enable-oslogin": "os_login",
    "serial-port-enable": "serial_port",
    "block-project-ssh-keys": "project_ssh_keys",
}


@dataclass(frozen=True, kw_only=True)
class ImageFamily:
    """The newest image of a family, looked up at every deployment: a new one shows in the preview, and rolls the group.

    Attributes:
        family: name of the family.
        project: whose family it is.
    """

    family: str = "debian-12"
    project: str = "debian-cloud"


@dataclass(frozen=True, kw_only=True)
class Machine:
    """An instance's hardware and system.

    Attributes:
        machine_type: for instance "e2-small".
        image: a family to look up, or the name of one image ("projects/P/global/images/I") to stay with.
        disk_size_gb: boot disk, 10 to 65536.
        disk_type: "pd-balanced", "pd-ssd", "pd-standard", "hyperdisk-balanced".
        kms_key: a customer-managed key for the boot disk ("projects/P/locations/L/keyRings/R/cryptoKeys/K").
        external_address: give each instance an address of its own. Off: Google's services are reached by Private Google Access,
            clients by the load balancer, and the rest of the internet not at all unless the network has NAT.
        metadata: further metadata, readable by anyone who can read the instance: never a secret.
        labels: further labels.
        tags: network tags.
        scopes: OAuth scopes; "cloud-platform" leaves the decision to IAM.
        os_login: log in by IAM instead of keys in metadata.
        serial_port: the interactive serial console.
        project_ssh_keys: let keys of the whole project in.
        secure_boot: Shielded VM: signed boot chain.
        vtpm: Shielded VM: virtual TPM.
        integrity_monitoring: Shielded VM: compare boots (needs `vtpm`).
        confidential: memory encryption, "SEV", "SEV_SNP" or "TDX"; needs a machine type that has it.
        spot: much cheaper, and taken away at any time.
        min_cpu_platform: for instance "Intel Cascade Lake".
        can_ip_forward: let instances send packets with other addresses than their own.

    Raises:
        InvalidArgumentError: a value the API refuses, or metadata that belongs to another setting.
    """

    machine_type: str = "e2-small"
    image: ImageFamily | str = field(default_factory=ImageFamily)
    disk_size_gb: int = 10
    disk_type: str = "pd-balanced"
    kms_key: pulumi.Input[str] | None = None
    external_address: bool = False
    metadata: Mapping[str, str] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)
    tags: tuple[str, ...] = ()
    scopes: tuple[str, ...] = ("cloud-platform",)
    os_login: bool = True
    serial_port: bool = False
    project_ssh_keys: bool = False
    secure_boot: bool = True
    vtpm: bool = True
    integrity_monitoring: bool = True
    confidential: Literal["SEV", "SEV_SNP", "TDX"] | None = None
    spot: bool = False
    min_cpu_platform: str | None = None
    can_ip_forward: bool = False

    refused: ClassVar[Mapping[str, str]] = {
        "startup_script": "the script is the section mig-nlb:startup, so that it is uploaded, digested and rolled out",
        "service_account": "the identity is the section mig-nlb:identity, so that its bindings exist before an instance boots",
    }

    def __post_init__(self) -> None:
        """Refuse what the API refuses, and metadata set behind another setting's back."""
        require_range("disk_size_gb", self.disk_size_gb, 10, 65536, "GB")
        if self.confidential is not None:
            require_choice("confidential", self.confidential, ("SEV", "SEV_SNP", "TDX"))
            if self.machine_type.startswith("e2-"):
                raise InvalidArgumentError(
                    "confidential", self.confidential, f"{self.machine_type} cannot encrypt its memory",
                    "use a machine type that can, for instance n2d-standard-2 (SEV, SEV_SNP) or c3-standard-4 (TDX)",
                )  # fmt: skip
        require_key_name("kms_key", self.kms_key)
        require_labels("labels", self.labels)
        for tag in self.tags:
            require_resource_name("tags", tag)
        for key in self.metadata:
            if key in _OWN_METADATA:
                raise InvalidArgumentError(
                    "metadata", key, "this key is written by another setting", f"use {_OWN_METADATA[key]}"
                )
        if self.integrity_monitoring and not self.vtpm:
            raise InvalidArgumentError(
                "vtpm",
                self.vtpm,
                "integrity monitoring measures with the TPM",
                "set integrity_monitoring: false too",
            )

    def all_metadata(self) -> dict[str, str]:
        """Return the instance metadata of these settings, in the API's words."""
        return {
            **self.metadata,
            "enable-oslogin": str(self.os_login).upper(),
            "serial-port-enable": str(self.serial_port).upper(),
            "block-project-ssh-keys": str(not self.project_ssh_keys).upper(),
        }

    def resource_arguments(self) -> dict[str, Any]:
        """Return the template's arguments that follow from these settings alone."""
        arguments: dict[str, Any] = {
            "machine_type": self.machine_type,
            "shielded_instance_config": {
                "enable_secure_boot": self.secure_boot,
                "enable_vtpm": self.vtpm,
                "enable_integrity_monitoring": self.integrity_monitoring,
            },
            "scheduling": self._scheduling(),
        }
        optional = {
            "labels": dict(self.labels),
            "tags": list(self.tags),
            "min_cpu_platform": self.min_cpu_platform,
            "can_ip_forward": self.can_ip_forward,
            "confidential_instance_config": {
                "confidential_instance_type": self.confidential,
                "enable_confidential_compute": True,
            }
            if self.confidential
            else None,
        }
        return arguments | {name: value for name, value in optional.items() if value}

    def _scheduling(self) -> dict[str, Any]:
        if self.spot:
            return {
                "provisioning_model": "SPOT",
                "preemptible": True,
                "automatic_restart": False,
                "instance_termination_action": "STOP",
                "on_host_maintenance": "TERMINATE",
            }
        return {
            "automatic_restart": True,
            "on_host_maintenance": "TERMINATE" if self.confidential else "MIGRATE",
        }
