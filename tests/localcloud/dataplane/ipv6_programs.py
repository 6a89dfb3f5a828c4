"""Small programs that tests of IPv6 run in the internet namespace and on machines."""

from __future__ import annotations

SENDING = """
import socket, sys
for address in sys.argv[2:]:
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as sock:
        sock.setsockopt(socket.IPPROTO_IPV6, 78, 1)  # IPV6_FREEBIND
        sock.bind((sys.argv[1], 0))
        print(sock.sendto(b"x", (address, 53)))
"""
ASKING = """
import socket, sys
sock = socket.socket(socket.AF_INET6, socket.SOCK_STREAM)
sock.settimeout(float(sys.argv[2]))
try:
    sock.connect((sys.argv[1], 8080))
    sock.sendall(b"hello\\n")
    print(sock.recv(4096).decode())
except OSError as error:
    print(type(error).__name__, error)
"""
# answers from the address that was asked, which is on no interface of the machine
ECHO = """
import os, socket, sys
sock = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
sock.setsockopt(socket.IPPROTO_IPV6, 78, 1)  # IPV6_FREEBIND
sock.bind((sys.argv[1], 8080))
os.write(3, b"r")
while True:
    data, client = sock.recvfrom(65535)
    sock.sendto(data, client)
"""
SAYING = """
import socket, sys
address, datagram = sys.argv[1], b"x" * int(sys.argv[2])
with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as sock:
    sock.settimeout(20)
    sock.connect((address, 8080))
    sock.send(datagram)
    print(len(sock.recv(65535)))
with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM, 58) as sock:
    sock.settimeout(20)
    sock.sendto(bytes([128, 0, 0, 0, 0, 1, 0, 1]), (address, 0))
    print(sock.recvfrom(4096)[0][0])
"""
TIMING = """
import socket, sys, time
start = time.monotonic()
with socket.create_connection((sys.argv[1], 8080), timeout=60) as sock:
    connected = time.monotonic() - start
    sock.sendall(b"hello\\n")
    sock.recv(4096)
    print(connected, time.monotonic() - start)
"""
FAMILIES = """
import pathlib
print(*sorted(line.split()[0] for line in pathlib.Path("/proc/net/if_inet6").read_text().splitlines()))
"""
