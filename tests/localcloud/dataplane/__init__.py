"""Tests of the data plane; those marked `kernel` make real namespaces."""
