"""Tests of the local Google Cloud."""
