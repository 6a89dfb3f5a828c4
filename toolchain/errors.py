"""The one exception whose message is meant for the person at the keyboard."""


class ToolchainError(Exception):
    """Something the user can mend; the message names it, the reason and the remedy. Shown without a traceback."""
