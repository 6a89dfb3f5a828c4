"""What runs inside an instance: its init, and the commands people know. Standard library only; imported nowhere else but for `wire`.

Every import here is paid for at each boot, so the modules of the init avoid the heavy ones (typing, dataclasses, re, json, asyncio).
"""
