"""Start the plugin: ``python -m localcloud.provider [--port 0] [--endpoint http://127.0.0.1:PORT/] [--token-file FILE]``.

Prints the port it listens on as the one line of its standard output, and serves until SIGTERM or SIGINT.
"""

from __future__ import annotations

import argparse
import asyncio
import signal
import sys
from pathlib import Path

import grpc
import httpx
from pulumi.runtime.proto import provider_pb2_grpc

from localcloud.provider.creations import Creations
from localcloud.provider.endpoints import require_loopback
from localcloud.provider.errors import ProviderError
from localcloud.provider.plugin import Plugin
from localcloud.provider.session import Defaults

_MOST_CONNECTIONS = 64
_LARGEST_MESSAGE = 400 * 1024 * 1024  # bytes; as the engine's own limit
_ANSWER_WITHIN = 60.0  # seconds for one HTTP request; operations are followed by many short ones


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m localcloud.provider", description="The gcp plugin of the local Google Cloud."
    )
    parser.add_argument("--port", type=int, default=0, help="port to listen on (0: any free one)")
    parser.add_argument(
        "--endpoint",
        default="",
        help="the local cloud's address, for stacks that set no gcp:...CustomEndpoint",
    )
    parser.add_argument(
        "--token-file", type=Path, help="file with the access token, for stacks that set no gcp:accessToken"
    )
    parser.add_argument(
        "--creations",
        type=Path,
        help="folder to note in what is being created, for whoever follows this process if it is killed",
    )
    parser.add_argument(
        "--once-told",
        action="store_true",
        help="serve once a line came on standard input, and not at all if that ends without one",
    )
    parser.add_argument(
        "engine",
        nargs="?",
        help="the engine's address, which engines that start plugins themselves pass; not used",
    )
    return parser.parse_args()


async def serve(plugin_defaults: Defaults, port: int, creations: Creations) -> None:
    """Serve on a port of 127.0.0.1 until told to stop."""
    limits = httpx.Limits(max_connections=_MOST_CONNECTIONS, max_keepalive_connections=_MOST_CONNECTIONS)
    async with httpx.AsyncClient(
        limits=limits, timeout=_ANSWER_WITHIN, trust_env=False, follow_redirects=False
    ) as http:
        options = [
            ("grpc.max_receive_message_length", _LARGEST_MESSAGE),
            ("grpc.max_send_message_length", _LARGEST_MESSAGE),
            ("grpc.so_reuseport", 0),  # a port is one plugin's
        ]
        server = grpc.aio.server(options=options)
        plugin = Plugin(plugin_defaults, http, creations)
        provider_pb2_grpc.add_ResourceProviderServicer_to_server(plugin, server)
        bound = server.add_insecure_port(f"127.0.0.1:{port}")
        await server.start()
        stopped = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, stopped.set)
        print(bound, flush=True)
        await stopped.wait()
        await server.stop(grace=1)


def main() -> int:
    """Parse the command line and serve."""
    arguments = _arguments()
    try:
        if arguments.endpoint:
            require_loopback("--endpoint", arguments.endpoint)
    except ProviderError as error:
        print(error, file=sys.stderr)
        return 2
    if arguments.once_told and not sys.stdin.buffer.read():
        return 0  # whoever started this process was killed before it could write it down
    defaults = Defaults(arguments.endpoint, arguments.token_file)
    asyncio.run(serve(defaults, arguments.port, Creations(arguments.creations)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
