"""Serves the policy pack to the Pulumi engine; rules live in `mig_policies`, which tests import without serving."""

import sys

from pulumi_policy import PolicyPack

from mig_policies.configuration import ConfigurationError
from mig_policies.housekeeping import require_sound_configurations
from mig_policies.pack import PACK_NAME, policies

try:
    require_sound_configurations()
except ConfigurationError as error:
    # Standard output belongs to the engine, which reads the port from it.
    sys.exit(
        "The policy pack's configuration (policies/config) is wrong:\n"
        + "\n".join(f"  {fault}" for fault in error.faults)
    )

PolicyPack(name=PACK_NAME, policies=policies())
