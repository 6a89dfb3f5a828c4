"""Python language host for the Pulumi engine: the plugin `pulumi-language-python`.

Used only where the engine had to be built from source, because the official host comes with the official release alone.
This folder is copied into the cache next to the engine and runs in an environment of its own (`requirements.txt`); it imports
nothing from the rest of the repository, and programs run in *their* environment, by `program.py`.
"""
