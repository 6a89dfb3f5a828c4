"""The daemon: composes the parts of one local cloud and owns their lives."""
