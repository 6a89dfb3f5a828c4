"""Tests of the daemon: what composes the cloud, and who may speak to it."""
