"""Tests of the gcp plugin."""
