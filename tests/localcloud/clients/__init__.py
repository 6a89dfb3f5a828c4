"""Scenarios that are written once and run by each client: raw HTTP, Google's Python client, gcloud, our own plugin."""
