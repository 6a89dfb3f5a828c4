"""The network and the machines' namespaces: everything here runs in, or speaks to, one unprivileged user namespace (the world)."""
