"""Instances with a root file system of their own: how it is made, whose the layer above it is, and where packages come from."""

from __future__ import annotations

import asyncio
import subprocess
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

import httpx
import pytest

from localcloud.daemon import systems
from localcloud.guest import layer, pretence, root_system
from localcloud.guest.packages import Packages
from localcloud.guest.system import System, check_mirror, has_overlays
from localcloud.home import Home
from tests.localcloud.guest.cloud import machine_spec
from tests.serving import serving

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from localcloud.guest.listener import Receive, Scope, Send

# What stands for debootstrap, whose own work takes a minute and a mirror: it looks for what that looks for, and leaves what it leaves.
STAND_IN = """#!/bin/sh
set -e
for root; do case $root in /*) break;; esac; done
echo "I: Retrieving InRelease"
test -c "$root/dev/null" && test -c "$root/dev/console"
mknod "$root/test-dev-null" c 1 3
mkfifo "$root/pipe" && test -p "$root/pipe"
mkdir -p "$root/etc/apt/apt.conf.d" "$root/etc/ssl/certs" "$root/usr/bin" "$root/var/cache/apt/archives" "$root/var/lib/apt/lists"
echo 12.0 > "$root/etc/debian_version"
echo HOST > "$root/etc/ssl/certs/ca-certificates.crt"
echo x > "$root/usr/bin/tool" && chown 33:33 "$root/usr/bin/tool"
echo x > "$root/var/cache/apt/archives/some.deb"
echo "I: Configuring base-files..."
echo "$@" > "$root/asked"
"""


def stand_in(monkeypatch: pytest.MonkeyPatch, folder: Path, script: str) -> None:
    """Have a script be the only debootstrap, and a folder the cache."""
    tool = folder / "bin" / "debootstrap"
    tool.parent.mkdir()
    tool.write_text(script)
    tool.chmod(0o755)
    monkeypatch.setattr("shutil.which", lambda *_, **__: str(tool))
    monkeypatch.setenv("MIG_NLB_CACHE", str(folder / "cache"))


@pytest.mark.kernel
def test_root_system_is_made_once_and_is_the_instances_users(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    stand_in(monkeypatch, tmp_path, STAND_IN)
    steps: list[str] = []
    made = root_system.ensure("debian-12", None, steps.append, "http://mirror.test/debian")
    assert steps == ["retrieving InRelease", "configuring base-files"]
    assert (made / "asked").read_text().split()[-3:-2] == ["bookworm"]
    assert (made / "asked").read_text().endswith("http://mirror.test/debian\n")
    assert (made / "usr/bin/tool").stat().st_uid == (made / "etc").stat().st_uid, "given away in word only"
    assert not (made / "test-dev-null").exists(), "a device that was made in word only"
    assert list((made / "var/cache/apt/archives").iterdir()) == [], "no downloads stay"
    assert 'APT::Sandbox::User "root"' in (made / "etc/apt/apt.conf.d/90local-cloud").read_text()
    assert root_system.ensure("debian-12", None, pytest.fail) == made, "nothing is done twice"


@pytest.mark.kernel
def test_failed_debootstrap_is_told_in_its_words_and_leaves_nothing(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    stand_in(monkeypatch, tmp_path, "#!/bin/sh\necho 'E: Failed getting release file'\nexit 1\n")
    with pytest.raises(
        root_system.RootSystemError, match="bookworm: E: Failed getting release file; it needs a way"
    ):
        root_system.ensure("debian-12", None, lambda _: None)
    assert [path.suffix for path in root_system.cache().iterdir()] == [".lock"]


def test_missing_tool_unknown_system_and_foreign_machine_are_named_with_what_to_do(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("MIG_NLB_CACHE", str(tmp_path))
    monkeypatch.setattr("shutil.which", lambda *_, **__: None)
    with pytest.raises(
        root_system.RootSystemError, match="install it with: sudo apt-get install debootstrap"
    ):
        root_system.ensure("debian-12", None, lambda _: None)
    with pytest.raises(
        root_system.RootSystemError, match=r"--system debian-13: .* known: debian-12, and none"
    ):
        root_system.ensure("debian-13", None, lambda _: None)
    with pytest.raises(pretence.PretenceError, match=r"machine riscv64: .*start without --system"):
        pretence.program("riscv64")
    for address in ("mirror.test/debian", "ftp://mirror.test/debian", "http://"):
        with pytest.raises(ValueError, match=f"--packages {address}: not a Debian mirror's address"):
            check_mirror(address)


@pytest.mark.kernel
def test_choice_stays_until_another_is_made_and_a_running_cloud_keeps_its_own(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    stand_in(monkeypatch, tmp_path, STAND_IN)
    home = Home(tmp_path / "home")
    with pytest.raises(ValueError, match="the host's /usr takes no packages; add --system debian-12"):
        systems.choose(home, None, "http://mirror.test/debian", lambda _: None)
    systems.choose(home, "debian-12", None, lambda _: None)
    systems.choose(home, None, "http://mirror.test/debian/", lambda _: None)
    chosen = systems.chosen(home)
    assert chosen is not None
    assert (chosen.name, chosen.packages) == ("debian-12", "http://mirror.test/debian")
    assert "packages from http://mirror.test/debian" in chosen.describe()
    systems.check(home, "debian-12", "http://mirror.test/debian/")
    with pytest.raises(
        ValueError, match="--system none: this cloud runs already, with --system debian-12; stop it first"
    ):
        systems.check(home, "none", None)
    systems.choose(home, "none", None, lambda _: None)
    assert systems.chosen(home) is None


SPEC = machine_spec(1, "web-x7k2", memory_mib=2048, vcpus=2)


@pytest.mark.parametrize("overlay", [True, False], ids=["layer", "copy"])
def test_view_has_what_the_host_decides_and_links_of_the_instances_lead_nowhere(
    tmp_path: Path, *, overlay: bool
) -> None:
    lower, library, trust = tmp_path / "system", tmp_path / "library", tmp_path / "trust"
    for folder in (lower / "etc/ssl/certs", lower / "etc/apt", library / "bin", trust / "ssl"):
        folder.mkdir(parents=True)
    (lower / "etc/ssl/certs/ca-certificates.crt").write_text("HOST\n")
    (library / "bin/systemctl").write_text("")
    subject = ["-subj", "/CN=local", "-keyout", str(trust / "ca.key"), "-out", str(trust / "ca.pem")]
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", *subject],
        check=True,
        capture_output=True,
    )
    system = System(
        name="debian-12", folder=str(lower), overlay=overlay, packages="http://mirror.test/debian"
    )
    disk = tmp_path / "disk"

    def prepare() -> None:
        layer.prepare(disk, SPEC, system, library=library, ssl=trust / "ssl", owner=None)

    prepare()
    top = disk / ("upper" if overlay else "merged")
    assert (top / "etc/hostname").read_text() == "web-x7k2\n"
    assert layer.PACKAGES_HOST in (top / "etc/hosts").read_text()
    assert (top / "etc/apt/sources.list").read_text() == f"deb http://{layer.PACKAGES_HOST} bookworm main\n"
    assert (top / "etc/ssl/certs/ca-certificates.crt").read_text().startswith("HOST\n-----BEGIN")
    assert (lower / "etc/ssl/certs/ca-certificates.crt").read_text() == "HOST\n", (
        "what is shared stays as it is"
    )
    outside = tmp_path / "outside"
    outside.mkdir()
    (top / "etc").rename(top / "old")
    (top / "etc").symlink_to(outside)
    (top / "tmp").rmdir()
    (top / "tmp").symlink_to(outside)
    prepare()
    assert list(outside.iterdir()) == []
    assert (top / "etc/hostname").read_text() == "web-x7k2\n"
    if overlay:
        (disk / "work" / "work").mkdir(mode=0)
    layer.remove(tmp_path)
    assert not tmp_path.exists()


def test_root_system_that_is_gone_is_said_with_what_makes_it_again(tmp_path: Path) -> None:
    system = System(name="debian-12", folder=str(tmp_path / "gone"), overlay=True)
    with pytest.raises(
        layer.LayerError, match="is gone; make it again with: localcloud start --system debian-12"
    ):
        layer.prepare(tmp_path / "disk", SPEC, system, library=tmp_path, ssl=tmp_path, owner=None)


def test_layers_are_not_to_be_had_below_a_folder_whose_name_the_kernel_takes_apart(tmp_path: Path) -> None:
    (tmp_path / "sys,tem").mkdir()
    assert not has_overlays(tmp_path / "sys,tem", tmp_path), "then each instance gets a copy"


class Mirror(BaseHTTPRequestHandler):
    """A Debian mirror: answers with what was asked for, and remembers it."""

    asked: list[str]

    def do_GET(self) -> None:
        """Answer."""
        self.asked.append(self.path)
        body = f"body of {self.path}".encode()
        self.send_response(404 if "none" in self.path else 200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def mirror() -> Iterator[tuple[str, list[str]]]:
    asked: list[str] = []
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Ours", (Mirror,), {"asked": asked}))
    with server, serving(server):
        yield f"http://127.0.0.1:{server.server_port}/debian", asked


def test_mirror_is_asked_for_packages_and_lists_and_for_nothing_else(
    mirror: tuple[str, list[str]], tmp_path: Path
) -> None:
    address, asked = mirror

    async def google(_scope: Scope, _: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    async def story() -> None:
        app = Packages(address, tmp_path / "packages", google)
        transport = httpx.ASGITransport(app=app)
        async with httpx.AsyncClient(transport=transport, base_url=f"http://{layer.PACKAGES_HOST}") as client:
            for _ in range(2):
                package = await client.get("/pool/main/n/nginx/nginx_1.22.1-9+deb12u9_amd64.deb")
                assert package.text == "body of /debian/pool/main/n/nginx/nginx_1.22.1-9+deb12u9_amd64.deb"
                lists = await client.get("/dists/bookworm/InRelease")
                assert lists.text == "body of /debian/dists/bookworm/InRelease"
            assert (await client.get("/pool/none.deb")).status_code == 404
            for path in (
                "/",
                "/pool/../../etc",
                "/pool/%2e%2e/x",
                "/pool/a%2fb",
                "/other/x",
                "/pool//x",
                "/dists/.x",
            ):
                refused = await client.get(
                    httpx.URL(f"http://{layer.PACKAGES_HOST}").copy_with(raw_path=path.encode())
                )
                assert refused.status_code == 403, path
            assert (await client.post("/pool/x.deb")).status_code == 403
            assert (await client.get("http://storage.googleapis.com/")).status_code == 204
        gone = Packages("http://127.0.0.1:1/debian", tmp_path / "packages", google)
        async with httpx.AsyncClient(
            transport=httpx.ASGITransport(app=gone), base_url=f"http://{layer.PACKAGES_HOST}"
        ) as client:
            assert (await client.get("/dists/x")).status_code == 502

    asyncio.run(story())
    assert sum(path.endswith("amd64.deb") for path in asked) == 1, "a package is fetched once"
    assert sum(path.endswith("InRelease") for path in asked) == 2, "lists change, and are asked for each time"
    assert len(asked) == 4
    assert len(list((tmp_path / "packages").iterdir())) == 1, "what was not found is not kept"
