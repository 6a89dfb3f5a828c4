"""Tests of the program's components."""
