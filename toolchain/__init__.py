"""How the Pulumi engine and the Python environments get onto a machine, and the commands behind the Makefile.

Runs on a system Python before any environment exists: everything here but `language_host` uses the standard library only.
"""
