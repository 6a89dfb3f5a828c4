"""A Pulumi resource plugin for the ``gcp`` package that speaks Google's REST API to a loopback endpoint, and to nothing else.

For machines on which the official provider cannot be installed. Resource types are tables (`families/`) over the field data in
`data/fields.json`; what the tables cannot say is code beside them. Started as ``python -m localcloud.provider``.
"""
