"""The `localcloud` command."""
