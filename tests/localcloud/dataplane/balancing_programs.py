"""What backends and clients of the balancing sweep run: the standard library only."""

from __future__ import annotations

# answers whoever asks with its name and what was said; UDP from the address that was asked
BACKEND = """
import os, selectors, socket, sys
name, addresses = sys.argv[1], sys.argv[2:]
selector = selectors.DefaultSelector()
def listen(sock, *place):
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.bind(place)
    selector.register(sock, selectors.EVENT_READ)
    return sock
for family, anywhere in ((socket.AF_INET, "0.0.0.0"), (socket.AF_INET6, "::")):
    sock = socket.socket(family, socket.SOCK_STREAM)
    if family == socket.AF_INET6:
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    listen(sock, anywhere, 8080).listen(1024)
for address in addresses:
    six = ":" in address
    sock = socket.socket(socket.AF_INET6 if six else socket.AF_INET, socket.SOCK_DGRAM)
    sock.setsockopt(*((socket.IPPROTO_IPV6, 78) if six else (socket.IPPROTO_IP, 15)), 1)  # FREEBIND
    listen(sock, address, 8080)
os.write(3, b"r")
while True:
    for key, _ in selector.select():
        sock = key.fileobj
        try:
            if sock.type == socket.SOCK_DGRAM:
                said, client = sock.recvfrom(100)
                sock.sendto(name.encode() + b" " + said, client)
            elif sock.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
                selector.register(sock.accept()[0], selectors.EVENT_READ)
            elif said := sock.recv(100):
                sock.sendall(name.encode() + b" " + said)
            else:
                raise ConnectionResetError
        except OSError:
            selector.unregister(sock)
            sock.close()
"""
# for each line, a list of [flow, what, kind, source, port, address], says who answered each: a name, or why nobody did
CLIENT = """
import json, socket, sys
flows, number = {}, 0
for line in sys.stdin:
    found = []
    for flow, what, kind, source, port, address in json.loads(line):
        number += 1
        try:
            if flow not in flows:
                sock = flows[flow] = socket.socket(
                    socket.AF_INET6 if ":" in address else socket.AF_INET,
                    socket.SOCK_STREAM if kind == "TCP" else socket.SOCK_DGRAM,
                )
                sock.settimeout(60)
                sock.bind((source, port))
                sock.connect((address, 8080))
            sock = flows[flow]
            sock.send(str(number).encode())
            if what == "send":
                found.append("")
                continue
            name, said = sock.recv(100).decode().split()
            found.append(name if said == str(number) else f"{name} answered what was to be dropped")
        except OSError as error:
            found.append(type(error).__name__)
            flows.pop(flow).close()
    print(json.dumps(found), flush=True)
"""
