"""What the documentation promises, kept true: commands, links, names, tables."""
