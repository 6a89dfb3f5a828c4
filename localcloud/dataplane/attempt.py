"""One probe on its way, from its socket to its verdict."""

from __future__ import annotations

import contextlib
import errno
import os
import socket
import ssl
from typing import TYPE_CHECKING

from localcloud.dataplane.addresses import mark_of, prober_source
from localcloud.dataplane.dialogue import Verdict, dialogue_for

if TYPE_CHECKING:
    from collections.abc import Callable

    from localcloud.dataplane.prober import Prober
    from localcloud.plans.probe import ProbeSpec

_SO_MARK = 36
_IP_BIND_ADDRESS_NO_PORT = 24
_PROXY_V1 = b"PROXY UNKNOWN\r\n"
_OVER_TLS = frozenset({"SSL", "HTTPS", "HTTP2", "GRPC_WITH_TLS"})
_HTTP2 = frozenset({"HTTP2", "GRPC_WITH_TLS"})  # over TLS, where it is agreed on first
# nobody is there, or somebody says so: on Google Cloud a probe to a missing machine just goes unanswered
_UNREACHABLE = frozenset(
    {errno.EHOSTUNREACH, errno.ENETUNREACH, errno.EHOSTDOWN, errno.ENETDOWN, errno.ETIMEDOUT}
)
# errors of this machine say nothing about the instance: no verdict may follow from them
_OURS = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ENOBUFS, errno.EADDRNOTAVAIL, errno.EPERM})


class Attempt:
    """One probe on its way: connect, say the opening, listen until there is a verdict or the timeout."""

    def __init__(
        self, spec: ProbeSpec, prober: Prober, ended: Callable[[float, Verdict | None], None], number: int = 0
    ) -> None:
        self._spec = spec
        self._source = prober_source(spec.consumer, number, ipv6=":" in spec.address)
        self._prober = prober
        self._ended = ended
        self._dialogue = dialogue_for(spec)
        self._sock: socket.socket | None = None
        self._unsent = b""
        self._stage = "connect"
        self._sent_at = prober.time.now()
        deadline = prober.time.real(self._sent_at + spec.timeout)
        self._timer = prober.loop.call_at(deadline, self.expire)

    def begin(self) -> None:
        """Make the socket, from the prober's source address and routed to the instance, and start connecting."""
        try:
            sixth = ":" in self._spec.address
            sock = socket.socket(socket.AF_INET6 if sixth else socket.AF_INET, socket.SOCK_STREAM)
            self._sock = sock
            sock.setblocking(False)
            sock.setsockopt(socket.SOL_SOCKET, _SO_MARK, mark_of(self._spec.instance_address))
            sock.setsockopt(socket.IPPROTO_IP, _IP_BIND_ADDRESS_NO_PORT, 1)
            sock.bind((self._source, 0))
            result = sock.connect_ex((self._spec.address, self._spec.port))
        except OSError as error:
            self._failed(error)
            return
        if result in {0, errno.EINPROGRESS}:
            self._prober.loop.add_writer(sock, self._writable)
        else:
            self._failed(OSError(result, os.strerror(result)))

    def _writable(self) -> None:
        assert self._sock is not None  # noqa: S101 - callbacks only run while there is a socket
        try:
            if self._stage == "connect":
                error = self._sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
                if error:
                    raise OSError(error, os.strerror(error))  # noqa: TRY301 - handled like every other socket error
                self._unsent = _PROXY_V1 if self._spec.proxy_header == "PROXY_V1" else b""
                self._stage = "preface" if self._spec.protocol in _OVER_TLS else "talk"
                if self._stage == "talk":
                    self._unsent += self._dialogue.opening
            self._proceed()
        except ssl.SSLError as error:
            self._finish(Verdict("failure", f"TLS: {error.reason or error}"))
        except OSError as error:
            self._failed(error)

    def _proceed(self) -> None:
        assert self._sock is not None  # noqa: S101 - as above
        if self._unsent and not self._send():
            return
        if self._stage == "preface":  # what precedes TLS has been sent
            self._prober.loop.remove_writer(self._sock)
            self._sock = self._prober.tls(http2=self._spec.protocol in _HTTP2).wrap_socket(
                self._sock, server_hostname=self._spec.host or None, do_handshake_on_connect=False
            )
            self._stage = "handshake"
        if self._stage == "handshake":
            if not self._handshake():
                return
            if self._spec.protocol in _HTTP2 and not self._agreed():
                return
            self._stage = "talk"
            self._unsent = self._dialogue.opening
            if self._unsent and not self._send():
                return
        if self._stage == "talk":
            self._stage = "listen"
            self._prober.loop.remove_writer(self._sock)
            verdict = self._dialogue.opened()
            if verdict is not None:
                self._finish(verdict)
                return
            self._prober.loop.add_reader(self._sock, self._readable)
            self._readable()

    def _send(self) -> bool:
        assert self._sock is not None  # noqa: S101 - as above
        with contextlib.suppress(BlockingIOError, ssl.SSLWantWriteError):
            self._unsent = self._unsent[self._sock.send(self._unsent) :]
        if self._unsent:
            self._prober.loop.add_writer(self._sock, self._writable)
        return not self._unsent

    def _handshake(self) -> bool:
        assert isinstance(self._sock, ssl.SSLSocket)  # noqa: S101 - as above
        loop = self._prober.loop
        try:
            self._sock.do_handshake()
        except ssl.SSLWantReadError:
            loop.remove_writer(self._sock)
            loop.add_reader(self._sock, self._writable)
            return False
        except ssl.SSLWantWriteError:
            loop.add_writer(self._sock, self._writable)
            return False
        loop.remove_reader(self._sock)
        return True

    def _agreed(self) -> bool:
        """Whether the server speaks HTTP/2; otherwise that is the end."""
        assert isinstance(self._sock, ssl.SSLSocket)  # noqa: S101 - as above
        if self._sock.selected_alpn_protocol() == "h2":
            return True
        self._finish(Verdict("failure", "TLS: the server does not offer HTTP/2 (h2)"))
        return False

    def _readable(self) -> None:
        assert self._sock is not None  # noqa: S101 - as above
        try:
            while self._sock is not None:
                verdict = self._dialogue.heard(self._sock.recv(16384))
                if verdict is not None:
                    self._finish(verdict)
                elif reply := self._dialogue.reply():
                    # some hundred bytes: a socket that cannot take them belongs to somebody who does not listen
                    self._sock.send(reply)
        except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
            return
        except ssl.SSLError as error:
            self._finish(Verdict("failure", f"TLS: {error.reason or error}"))
        except OSError as error:
            self._failed(error)

    def _failed(self, error: OSError) -> None:
        if error.errno in _UNREACHABLE:
            self._release()  # and wait for the timeout, as a prober does that hears nothing
        elif error.errno in _OURS:
            self._prober.trouble(f"{self._spec.id}: this probe could not be sent: {error.strerror}")
            self.abandon()
            self._ended(self._sent_at, None)
        elif error.errno == errno.ECONNREFUSED:
            self._finish(Verdict("failure", "connection refused"))
        else:
            self._finish(Verdict("failure", (error.strerror or str(error)).lower()))

    def expire(self) -> None:
        """The timeout has come."""
        words = {"connect": "no connection", "listen": "connected, but no complete answer"}.get(
            self._stage, "connected, but no progress"
        )
        self._finish(Verdict("timeout", f"{words} within {self._spec.timeout:g} s"))

    def _finish(self, verdict: Verdict) -> None:
        self.abandon()
        self._ended(self._sent_at, verdict)

    def abandon(self) -> None:
        """Close without a result."""
        self._timer.cancel()
        self._release()

    def _release(self) -> None:
        if self._sock is not None:
            self._prober.loop.remove_writer(self._sock)
            self._prober.loop.remove_reader(self._sock)
            self._sock.close()
            self._sock = None
