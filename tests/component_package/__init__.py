"""The component package: what it says it takes, and what it makes of what arrives."""
