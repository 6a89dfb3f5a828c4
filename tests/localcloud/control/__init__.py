"""Tests of the controllers, in virtual time."""
