"""Requests that mean harm, as bytes on the wire. `{token}`, `{vm}` and `{port}` are filled in: the owner's token, an instance's, the port.

Most carry the owner's token, as a page in the owner's browser or a client that was led astray might: then only what is hostile about
the request is left to refuse it by.
"""

from __future__ import annotations

from dataclasses import dataclass

HOST = "127.0.0.1:{port}"
TOKEN = "Bearer {token}"
NETWORKS = "/compute/v1/projects/local/global/networks"
OBJECT = "/storage/v1/b/victims/o/diary"
NEW = b'{"name": "planted", "autoCreateSubnetworks": false}'
# What a request may be after: reading, making, removing, stopping the cloud, an object's content.
TARGETS = {
    "list": ("GET", NETWORKS, b""),
    "insert": ("POST", NETWORKS, NEW),
    "delete": ("DELETE", f"{NETWORKS}/victim", b""),
    "read": ("GET", f"{OBJECT}?alt=media", b""),
    "stop": ("POST", "/localcloud/v1/stop", b""),
}
READ_AND_STOP = ("read", "insert", "stop")


@dataclass(frozen=True)
class Hostile:
    """One attack: what it is, and its bytes."""

    name: str
    wire: bytes


def request(
    method: str,
    path: str,
    body: bytes = b"",
    *,
    host: str | None = HOST,
    token: str | None = TOKEN,
    **more: str,
) -> bytes:
    """Render a well-formed request; None leaves a header out. Underscores of further names are hyphens."""
    fields = {"Host": host, "Authorization": token, "Connection": "close"}
    if body:
        fields |= {"Content-Type": "application/json", "Content-Length": str(len(body))}
    fields |= {name.replace("_", "-"): value for name, value in more.items()}
    lines = [f"{name}: {value}" for name, value in fields.items() if value is not None]
    return "\r\n".join([f"{method} {path} HTTP/1.1", *lines, "", ""]).encode() + body


def against(target: str, **options: str | None) -> bytes:
    """Render the request for one of the targets, changed as said."""
    method, path, body = TARGETS[target]
    return request(method, path, body, **options)  # type: ignore[arg-type]  # host and token may be None


HOSTS = (
    "evil.example", "evil.example:{port}", "127.0.0.1.evil.example:{port}", "localhost.evil.example:{port}", "evil-localhost:{port}",
    "127.0.0.1.nip.io:{port}", "0.0.0.0:{port}", "127.0.0.2:{port}", "127.1:{port}", "2130706433:{port}", "0x7f000001:{port}",
    "0177.0.0.1:{port}", "[::1]:{port}", "[::ffff:127.0.0.1]:{port}", "127.0.0.1:{port}:80", "127.0.0.1:{port}@evil.example",
    "evil.example#127.0.0.1:{port}", "127.0.0.1 .evil.example", "localhost.:{port}", "127.0.0.1:port", "127.0.0.1:{port}/x", "",
    "metadata.google.internal", "169.254.169.254", "storage.googleapis.com.evil.example", "evilstorage.googleapis.com",
    "compute.googleapis.com.:{port}", "127.0.0.1\t:{port}", "127.0.0.1,evil.example",
)  # fmt: skip
ORIGINS = (
    "https://evil.example", "http://127.0.0.1.evil.example:{port}", "null", "http://localhost:3000", "http://127.0.0.1:1",
    "https://127.0.0.1:{port}.evil.example", "chrome-extension://abcdefgh", "file://", "http://evil.example@127.0.0.1",
    "https://console.cloud.google.com", "http://[::1", "",
)  # fmt: skip
FETCHES = ("cross-site", "same-site", "CROSS-SITE", "unheard-of", "")
CREDENTIALS: tuple[str | None, ...] = (
    None, "", "Bearer", "Bearer ", "Bearer undefined", "Bearer null", "Bearer x{token}", "Bearer {token}x", "Bearer {token},{token}",
    "{token}", "Basic {token}", "Token {token}", "Bearer  \t", "Basic b3duZXI6b3duZXI=", "Bearer ya29.c.guessed", "Bearer %00",
    "Negotiate x", "Bearer {token} {token}", "Digest username=owner", "Bearer '{token}'",
    "Bearer eyJhbGciOiJub25lIn0.eyJlbWFpbCI6Im93bmVyIn0.",
)  # fmt: skip
HEADERS = (
    ("X-Forwarded-For", "127.0.0.1"), ("X-Forwarded-Host", "evil.example"), ("X-Forwarded-Host", "127.0.0.1:{port}"),
    ("X-Forwarded-Proto", "https"), ("X-Forwarded-Port", "443"), ("X-Forwarded-Server", "evil.example"), ("X-Real-IP", "127.0.0.1"),
    ("Forwarded", "for=127.0.0.1;host=evil.example"), ("X-Host", "evil.example"), ("X-Original-Host", "evil.example"),
    ("X-Original-URL", "/localcloud/v1/stop"), ("X-Rewrite-URL", "/localcloud/v1/stop"), ("X-HTTP-Method-Override", "DELETE"),
    ("X-HTTP-Method", "DELETE"), ("X-Method-Override", "DELETE"), ("x-http-method-override", "GET"),
)  # fmt: skip
KINDS = (
    "text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=b", "text/plain; application/json", "text/html",
    "application/xml", "", "application/jsonp", "TEXT/PLAIN;charset=utf-8", "application/octet-stream",
)  # fmt: skip
PATHS = (
    "/compute/v1/../../localcloud/v1/status", "//localcloud/v1/status", "/localcloud%2fv1/status", "/./localcloud/v1/status",
    "/localcloud/v1/../v1/status", "/LOCALCLOUD/v1/status", "/localcloud/v1/status/", "/localcloud/v1/status%00",
    "/localcloud/v1/..;/status", "/storage/v1/b/victims/o/..%2f..%2f..%2f..%2fetc%2fpasswd?alt=media",
    "/storage/v1/b/..%2f..%2fetc/o/passwd?alt=media", "/storage/v1/b/victims/o/%2e%2e%2fstate.db?alt=media",
    "/storage/v1/b/victims/o/diary%00.txt?alt=media", "/storage/v1/b/victims%00/o/diary?alt=media", "/../../../../etc/passwd",
    "/..%2f..%2f..%2fetc/passwd", "/%2e%2e/%2e%2e/etc/passwd", "/config.json", "/state.db", "/.git/config", "/server-status",
    "/compute/v1/projects/local/global/networks/..%2f..%2f..%2fzones", "/compute/v1/projects/other/global/networks",
    "/compute/v1/projects/local%2fglobal%2fnetworks", "/compute/v1/projects//global/networks", "/compute/v2/projects/local/global/networks",
    "/compute/v1/projects/local/global/networks/%C0%AE%C0%AE", "/compute/v1/projects/local/zones/..%2f/instances", "/compute\\v1",
    "/download/storage/v1/b/victims/o/..%5c..%5cconfig.json?alt=media",
)  # fmt: skip
METHODS = ("OPTIONS", "TRACE", "CONNECT", "PROPFIND", "PUT", "get", "G", "POST", "delete", "MOVE")


def _crossed() -> list[Hostile]:
    found = [
        Hostile(f"host {host!r}: {target}", against(target, host=host))
        for host in HOSTS
        for target in READ_AND_STOP
    ]
    found += [Hostile(f"no host: {target}", against(target, host=None)) for target in READ_AND_STOP]
    found += [
        Hostile(f"origin {origin!r}: {target}", against(target, Origin=origin))
        for origin in ORIGINS
        for target in READ_AND_STOP
    ]
    found += [
        Hostile(f"referer {origin!r}: insert", against("insert", Referer=f"{origin}/page"))
        for origin in ORIGINS
    ]
    found += [
        Hostile(f"fetched {site!r}: {target}", against(target, Sec_Fetch_Site=site, Sec_Fetch_Mode="cors"))
        for site in FETCHES
        for target in READ_AND_STOP
    ]
    found += [
        Hostile(f"credentials {value!r}: {target}", against(target, token=value))
        for value in CREDENTIALS
        for target in ("insert", "delete", "stop")
    ]
    found += [
        Hostile(f"{name}: {value}: {target}", against(target, **{name: value}))
        for name, value in HEADERS
        for target in ("read", "stop")
    ]
    return found


def _shapes() -> list[Hostile]:
    found = [Hostile(f"content type {kind!r}", against("insert", Content_Type=kind)) for kind in KINDS]
    found += [Hostile(f"path {path}", request("GET", path)) for path in PATHS]
    found += [Hostile(f"method {method}", request(method, f"{NETWORKS}/victim")) for method in METHODS]
    found += [
        Hostile(f"an instance's token: {target}", against(target, token="Bearer {vm}"))
        for target in ("insert", "delete", "read", "stop")
    ]
    found += [
        Hostile(f"token elsewhere: {path}", request("GET", path, token=None))
        for path in (
            f"{NETWORKS}?access_token={{token}}", f"{NETWORKS}?key={{token}}", f"{NETWORKS}?oauth_token={{token}}",
            f"{NETWORKS}#{{token}}", "/localcloud/v1/status?access_token={token}",
        )
    ]  # fmt: skip
    found.append(Hostile("token in a cookie", request("GET", NETWORKS, token=None, Cookie="token={token}")))
    found += [
        Hostile(
            f"preflight: {target}",
            request(
                "OPTIONS",
                TARGETS[target][1],
                token=None,
                Origin="https://evil.example",
                Access_Control_Request_Method="POST",
            ),
        )
        for target in READ_AND_STOP
    ]
    bodies = {
        "no JSON": b"{'name': 'planted'}",
        "a list": b"[" + NEW + b"]",
        "deeply nested": b'{"name":' * 50_000,
        "not a number": b'{"name": "planted", "mtu": NaN}',
        "not UTF-8": b'{"name": "\xff\xfe"}',
        "an unknown field": b'{"name": "planted", "evil": true}',
        "a name that is a path": b'{"name": "../planted"}',
        "a name with a line feed": b'{"name": "planted\\nHost: evil"}',
        "too large": b'{"name": "planted", "description": "' + b"x" * (11 << 20) + b'"}',
    }
    found += [Hostile(f"body: {name}", request("POST", NETWORKS, body)) for name, body in bodies.items()]
    return found


def _smuggled() -> list[Hostile]:
    """Requests that two readers would take apart differently; the second one is what is hidden in the first."""
    hidden = request("DELETE", f"{NETWORKS}/victim", token=None)
    post = f"POST {NETWORKS} HTTP/1.1\r\nHost: {HOST}\r\nAuthorization: {TOKEN}\r\nContent-Type: application/json\r\n"
    get = f"GET {NETWORKS} HTTP/1.1\r\nHost: {HOST}\r\nAuthorization: {TOKEN}\r\nConnection: close\r\n"
    length = len(NEW)
    starts = {
        "length and chunks": post + f"Content-Length: {length}\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "chunks and length": post + "Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\n",
        "two lengths": post + f"Content-Length: {length}\r\nContent-Length: 0\r\n\r\n",
        "two equal lengths": post + "Content-Length: 0\r\nContent-Length: 0\r\n\r\n",
        "a list of lengths": post + f"Content-Length: {length}, 0\r\n\r\n",
        "a negative length": post + "Content-Length: -1\r\n\r\n",
        "a length with a sign": post + f"Content-Length: +{length}\r\n\r\n",
        "a hexadecimal length": post + "Content-Length: 0x20\r\n\r\n",
        "a length that overflows": post + "Content-Length: 18446744073709551617\r\n\r\n",
        "an unknown encoding": post + "Transfer-Encoding: xchunked\r\n\r\n",
        "an encoding behind a tab": post + "Transfer-Encoding:\tchunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n",
        "an encoding with a space": post + "Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
        "a chunk of no size": post + "Transfer-Encoding: chunked\r\n\r\nzz\r\n",
        "a chunk of negative size": post + "Transfer-Encoding: chunked\r\n\r\n-1\r\n",
        "a chunk that overflows": post + "Transfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n",
        "two hosts": get + "Host: evil.example\r\n\r\n",
        "two hosts, the good one last": f"GET {NETWORKS} HTTP/1.1\r\nHost: evil.example\r\n" + get.partition("\r\n")[2] + "\r\n",
        "two tokens": get + "Authorization: Bearer x\r\n\r\n",
        "a folded header": get + "X-A: b\r\n Host: evil.example\r\n\r\n",
        "a header without a colon": get + "evil\r\n\r\n",
        "a header with a null": get + "X-A: b\0c\r\n\r\n",
        "a header with a bare return": get + "X-A: b\rHost: evil.example\r\n\r\n",
        "a space before the colon": get + "Origin : https://evil.example\r\n\r\n",
        "a name with a bracket": get + "X[A]: b\r\n\r\n",
        "HTTP/0.9": f"GET {NETWORKS}\r\n\r\n",
        "HTTP/3.7": f"GET {NETWORKS} HTTP/3.7\r\nHost: {HOST}\r\nAuthorization: {TOKEN}\r\n\r\n",
        "a space in the target": f"GET {NETWORKS} x HTTP/1.1\r\nHost: {HOST}\r\nAuthorization: {TOKEN}\r\n\r\n",
        "TLS": "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        "HTTP/2 from the start": "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        "endless headers": get + "".join(f"X-{number}: {'y' * 1000}\r\n" for number in range(200)) + "\r\n",
        "an endless target": f"GET /{'a' * 300_000} HTTP/1.1\r\nHost: {HOST}\r\nAuthorization: {TOKEN}\r\n\r\n",
    }  # fmt: skip
    return [Hostile(f"smuggled: {name}", start.encode("latin-1") + hidden) for name, start in starts.items()]


ATTACKS = (*_crossed(), *_shapes(), *_smuggled())
