"""Other balancers, in the router's namespace of the benchmark's world: HAProxy and nginx as TCP proxies, and IPVS in the kernel.

nginx is Debian's, taken from its packages into a folder of the benchmark's own if it is not installed; nothing is installed. One that
cannot be had is named with the reason, and not measured.
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

_NGINX_PACKAGES = ("nginx", "libnginx-mod-stream")
_HAPROXY = """
global
    maxconn 8000
defaults
    mode tcp
    timeout connect 5s
    timeout client 30s
    timeout server 30s
"""


class AbsentError(Exception):
    """A rival that this machine does not have; the message says what is missing."""


@dataclass(frozen=True)
class Place:
    """Where rivals run: files in `folder`, listening at `gateway`; `enter` puts a command line into the router's namespace."""

    folder: Path
    gateway: str
    backends: Sequence[str]
    enter: Callable[..., list[str]]

    def run(self, *command: str) -> None:
        """Run a command there until it returns. Raises AbsentError with its words."""
        done = subprocess.run(self.enter(*command), capture_output=True, text=True, check=False)
        if done.returncode != 0:
            msg = f"{command[0]}: {done.stderr.strip() or done.stdout.strip()}"
            raise AbsentError(msg)


def haproxy(place: Place, ports: Mapping[int, int]) -> None:
    """Balance each port of ours over the backends' ports, round robin, one thread per core."""
    if shutil.which("haproxy") is None:
        msg = "haproxy is not installed (apt-get install haproxy)"
        raise AbsentError(msg)
    config = _HAPROXY
    for ours, theirs in ports.items():
        config += f"listen p{ours}\n    bind {place.gateway}:{ours}\n    balance roundrobin\n"
        config += "".join(f"    server b{n} {each}:{theirs}\n" for n, each in enumerate(place.backends))
    file = place.folder / "haproxy.cfg"
    file.write_text(config, encoding="utf-8")
    place.run("haproxy", "-D", "-q", "-f", str(file))  # it returns when it listens, and ends with the world


def nginx(place: Place, ports: Mapping[int, int]) -> None:
    """Balance each port of ours by the stream module, one process per core."""
    program, module = _nginx(place.folder)
    servers = []
    for ours, theirs in ports.items():
        upstream = " ".join(f"server {each}:{theirs};" for each in place.backends)
        servers.append(f"upstream u{ours} {{ {upstream} }}")
        servers.append(
            f"server {{ listen {place.gateway}:{ours} reuseport backlog=4096; proxy_pass u{ours}; }}"
        )
    file = place.folder / "nginx.conf"
    file.write_text(
        f"load_module {module};\nuser root;\nworker_processes auto;\nworker_rlimit_nofile 16384;\npid {place.folder}/nginx.pid;\n"
        f"error_log {place.folder}/nginx.log;\nevents {{ worker_connections 8000; }}\nstream {{\n"
        + "\n".join(servers)
        + "\n}\n",
        encoding="utf-8",
    )
    place.run(str(program), "-c", str(file), "-e", f"{place.folder}/nginx.log")


def _nginx(folder: Path) -> tuple[Path, Path]:
    """Return the program and its stream module: installed ones, or those of Debian's packages, unpacked here."""
    installed = Path("/usr/sbin/nginx"), Path("/usr/lib/nginx/modules/ngx_stream_module.so")
    if all(each.exists() for each in installed):
        return installed
    if shutil.which("apt-get") is None or shutil.which("dpkg-deb") is None:
        msg = "nginx with its stream module is not installed, and this is no Debian or Ubuntu to take it from"
        raise AbsentError(msg)
    packages = folder / "packages"
    packages.mkdir(exist_ok=True)
    done = subprocess.run(
        ["apt-get", "download", *_NGINX_PACKAGES], cwd=packages, capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        msg = f"nginx: its packages cannot be downloaded ({done.stderr.strip().splitlines()[-1:]}); try apt-get update first"
        raise AbsentError(msg)
    for package in packages.glob("*.deb"):
        subprocess.run(["dpkg-deb", "--extract", str(package), str(packages)], check=True)
    return packages / "usr/sbin/nginx", packages / "usr/lib/nginx/modules/ngx_stream_module.so"


def ipvs(place: Place, ports: Mapping[int, int]) -> None:
    """Balance each port of ours in the kernel, by address translation."""
    if shutil.which("ipvsadm") is None:
        kernel = "" if Path("/proc/net/ip_vs").exists() else ", and this kernel shows no ip_vs"
        msg = f"ipvsadm is not installed (apt-get install ipvsadm){kernel}"
        raise AbsentError(msg)
    for ours, theirs in ports.items():
        place.run("ipvsadm", "-A", "-t", f"{place.gateway}:{ours}", "-s", "rr")
        for each in place.backends:
            place.run("ipvsadm", "-a", "-t", f"{place.gateway}:{ours}", "-r", f"{each}:{theirs}", "-m")


RIVALS: Mapping[str, Callable[[Place, Mapping[int, int]], None]] = {
    "HAProxy": haproxy,
    "nginx": nginx,
    "IPVS": ipvs,
}
