"""Run in a fresh network namespace: brings lo up, listens, hands the listeners out and becomes the given program."""

from __future__ import annotations

import os
import socket
import subprocess
import sys


def main() -> None:
    """Take REPORT-FD NUMBER:FD,... ADDRESS:PORT... -- COMMAND..."""
    report, descriptors, *rest = sys.argv[1:]
    places, argv = rest[: rest.index("--")], rest[rest.index("--") + 1 :]
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    made = []
    for place in places:
        address, _, port = place.partition(":")
        subprocess.run(["ip", "address", "replace", f"{address}/32", "dev", "lo"], check=True)
        if port != "0":
            listener = socket.socket()
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind((address, int(port)))
            listener.listen(64)
            made.append(listener)
    with socket.socket(fileno=int(report)) as channel:
        socket.send_fds(channel, [b"l"], [each.fileno() for each in made])
    pairs = [tuple(map(int, pair.split(":"))) for pair in descriptors.split(",") if pair]
    high = [(number, os.dup2(fd, 200 + number, inheritable=False)) for number, fd in pairs]
    os.closerange(3, 200)
    for number, fd in high:
        os.dup2(fd, number)
    os.execvp(argv[0], argv)  # noqa: S606 (its arguments are the test's)


if __name__ == "__main__":
    main()
