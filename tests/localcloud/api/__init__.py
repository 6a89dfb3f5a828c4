"""Tests of the API, over HTTP as its clients speak it."""
