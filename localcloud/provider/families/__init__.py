"""The resource types served, one module per family: tables of what the type's requests look like."""
