"""What the machines of these tests run: a server for TCP, UDP and a bit of HTTP that says who it is and whom it sees.

Standard library only, no project imports: it is executed by the system's Python inside a machine. `answering.py NAME` serves port
8080 on all addresses, answers every line with one line of JSON, and writes a byte to descriptor 3 when it listens.
"""

import asyncio
import json
import os
import socket
import struct
import sys

NAME = sys.argv[1]


class Datagrams(asyncio.DatagramProtocol):
    def connection_made(self, transport: asyncio.DatagramTransport) -> None:  # type: ignore[override]  # what it is given
        self.transport = transport

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self.transport.sendto(
            json.dumps({"name": NAME, "client": addr, "data": data.decode()}).encode(), addr
        )


async def converse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while line := await reader.readline():
            if line.startswith(b"GET "):
                while (await reader.readline()).strip():
                    pass
                status = b"200 OK" if b" /healthz " in line else b"404 Not Found"
                headers = b"\r\nContent-Length: 3\r\nX-Load-Balancing-Endpoint-Weight: 7\r\n\r\n"
                writer.write(b"HTTP/1.1 " + status + headers + b"ok\n")
                break
            if line == b"flood\n":
                writer.write(b"x" * 20_000_000)
                break
            if line == b"reset\n":
                sock = writer.get_extra_info("socket")
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                writer.transport.abort()
                return
            facts = {
                "name": NAME,
                "client": writer.get_extra_info("peername"),
                "local": writer.get_extra_info("sockname"),
                "line": line.decode().strip(),
            }
            writer.write(json.dumps(facts).encode() + b"\n")
            await writer.drain()
        if not line:
            writer.write(b"end\n")
        await writer.drain()
    except ConnectionError:
        pass
    finally:
        writer.close()


async def main() -> None:
    loop = asyncio.get_running_loop()
    server = await asyncio.start_server(converse, "", 8080, backlog=1024)
    # UDP answers must come from the address that was asked, so there is a socket for each
    for address in sys.argv[2:]:
        await loop.create_datagram_endpoint(Datagrams, (address, 8080))
    os.write(3, b"r")
    await server.serve_forever()


asyncio.run(main())
