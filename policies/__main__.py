"""Serves the policy pack to the Pulumi engine; rules live in `mig_policies`, which tests import without serving."""

from pulumi_policy import PolicyPack

from mig_policies.pack import PACK_NAME, policies

PolicyPack(name=PACK_NAME, policies=policies())
