"""Compute Engine's methods: `table.handlers` has them all."""
