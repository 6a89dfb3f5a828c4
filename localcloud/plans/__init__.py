"""What the controllers decide and the data plane carries out: plain values that both sides import, and nothing else shared."""
