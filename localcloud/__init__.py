"""A Google Cloud on this machine: real instances, packets and probes, without an account, root or a container daemon."""
