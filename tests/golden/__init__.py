"""Inventories: what a component or a stack makes, as committed JSON."""
