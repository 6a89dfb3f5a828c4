"""Everything that proves the project; mirrors the source."""
