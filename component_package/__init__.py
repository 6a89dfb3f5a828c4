"""The components as a package that programs in any Pulumi language can use: a plugin that the engine starts (docs/other-languages.md).

Nothing is decided here. The types in `inputs.py` and the resources in `resources.py` are made from the components' own by
`python -m component_package.generate`; what arrives is decoded and refused by the same code as a stack's file.
"""
