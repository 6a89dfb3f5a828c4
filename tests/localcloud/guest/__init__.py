"""Tests of the instances, on real sandboxes."""
