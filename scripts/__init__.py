"""What instances run, and what people run."""
