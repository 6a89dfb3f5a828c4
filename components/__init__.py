"""The parts of the service on Google Cloud: one ComponentResource, or one value type they share, per file."""
