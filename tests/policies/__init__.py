"""Tests of the policy pack; they run in the pack's own environment."""
