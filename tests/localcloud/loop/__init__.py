"""The closed loop on a whole, living cloud: probes, verdicts, balancing and repair together, timed against what the settings promise."""
