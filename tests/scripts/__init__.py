"""Tests of what instances run."""
