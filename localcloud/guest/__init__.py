"""Instances: sandboxes that boot, run start-up scripts and talk to a metadata server, as Compute Engine's do."""
