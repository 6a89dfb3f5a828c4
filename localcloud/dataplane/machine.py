"""A machine's network namespace: made, wired to its subnetwork's bridge, given listeners, and handed to the machine's program.

Every machine has a /32 and reaches everything, its neighbours too, through the gateway; ports of the bridge are isolated from
each other. So every packet passes the router's firewall rules, as on Google Cloud.
"""

from __future__ import annotations

import json
import os
import socket
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from localcloud.dataplane import machine_addresses, machine_user, wire
from localcloud.dataplane.addresses import bridge_name, link_name, mac_address
from localcloud.dataplane.kernel import ip_batch, load_rules
from localcloud.dataplane.namespaces import (
    CLONE_NEWNET,
    default_signals,
    drop_capabilities,
    enter,
    mount_own_proc,
    setns,
    unshare,
)
from localcloud.plans.network import GOOGLE_ADDRESS

if TYPE_CHECKING:
    from collections.abc import Sequence

children: set[int] = set()  # machines this process started and has to reap

_BACKLOG = 1024
_IP_FREEBIND = 15  # listen on an address that is not there
_ASIDE = 31_000  # what is added to the ports of listeners on addresses that are not the machine's own; below the ports of clients
_NAMES = 53  # name servers are asked by datagram


class MachineError(RuntimeError):
    """A machine could not be made; the message says at which step and why."""


def _foreign(asked: Sequence[Sequence[Any]], own: str) -> list[str]:
    """Return the addresses that are not the machine's own."""
    return sorted({address for address, _ in asked} - {own, "", "0.0.0.0", "127.0.0.1"})  # noqa: S104 - "all" inside a machine


def _take_addresses(asked: Sequence[Sequence[Any]], own: str, withheld: Sequence[str]) -> None:
    """Make addresses that are not the machine's own so, but for those that are `withheld`: nobody finds them for the time."""
    foreign = _foreign(asked, own)
    ip_batch(f"address replace {address}/32 dev lo" for address in foreign if address not in withheld)
    moved = [(address, port) for address, port in asked if address in foreign]
    if moved:
        load_rules(_aside(moved))


def _listeners(asked: Sequence[Sequence[Any]], own: str) -> list[socket.socket]:
    """Listen, whether the addresses are the machine's yet or not."""
    foreign, made = _foreign(asked, own), []
    for address, port in asked:
        datagrams = port == _NAMES
        listener = socket.socket(socket.AF_INET, socket.SOCK_DGRAM if datagrams else socket.SOCK_STREAM)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.setsockopt(socket.IPPROTO_IP, _IP_FREEBIND, 1)
        try:
            listener.bind((address, port + _ASIDE if address in foreign else port))
            if not datagrams:
                listener.listen(_BACKLOG)
        except OSError as error:
            msg = f"cannot listen on {address}:{port} in the machine: {error.strerror}"
            raise MachineError(msg) from error
        made.append(listener)
    return made


def _aside(moved: Sequence[tuple[str, int]]) -> str:
    """Return the rules that lead to listeners on another port than they are asked for on.

    Whoever listens on one address of a port keeps all others from listening on the port of every address, and a machine's own server
    wants to do just that. The packets never leave the machine's lo, so no state is needed: one way the port is put, back it is put back.
    """
    rules = [
        line
        for address, port in moved
        for kind in ("udp" if port == _NAMES else "tcp",)
        for line in (
            f"ip daddr {address} {kind} dport {port} {kind} dport set {port + _ASIDE}",
            f"ip saddr {address} {kind} sport {port + _ASIDE} {kind} sport set {port}",
        )
    ]
    chain = "\n".join(["type filter hook output priority raw;", *rules])
    return (
        f"table ip aside {{}}\ndelete table ip aside\ntable ip aside {{\nchain output {{\n{chain}\n}}\n}}\n"
    )


def _place_descriptors(wanted: dict[int, int]) -> None:
    """Give each of our descriptors its number in the program, whatever numbers are in the way; close everything else."""
    above = max([2, *wanted]) + 1
    safe = {}
    for number, descriptor in wanted.items():
        copy = descriptor
        while copy < above:
            copy = os.dup(copy)
        safe[number] = copy
    null = os.open(os.devnull, os.O_RDWR)
    for number in range(3):
        os.dup2(safe.get(number, null), number)
    for number, descriptor in safe.items():
        os.dup2(descriptor, number)
    keep = sorted({0, 1, 2, *wanted})
    for low, high in zip(keep, [*keep[1:], 1 << 20], strict=True):
        os.closerange(low + 1, high)


def _become(message: dict[str, Any], descriptors: list[int], sock: socket.socket) -> None:
    """In the child: make the namespace, take part in the hand-over with the worker, execute the program. Never returns normally."""
    os.setsid()
    _enter_group(message["group"])
    unshare(CLONE_NEWNET)
    # the host's /proc tells us our number there: the world keeps the host's mounts
    host_pid = int(Path("/proc/self").readlink().name)
    identity = {"pid": host_pid, "netns": Path("/proc/self/ns/net").stat().st_ino}
    wire.send(sock, identity)
    if not sock.recv(1):
        os._exit(1)  # the worker could not make the link and has said so
    machine_addresses.configure(message["address"], message["gateway"], message["address_ipv6"])
    for _, inside in message["faults"]:
        load_rules(inside)
    withheld = () if message["google_apis"] else (GOOGLE_ADDRESS,)
    _take_addresses(message["listeners"], message["address"], withheld)
    listeners = _listeners(message["listeners"], message["address"])
    wire.send(sock, identity, [each.fileno() for each in listeners])
    mount_own_proc()
    if message.get("folders"):
        machine_user.become(message["folders"])
    else:
        drop_capabilities()
    if message["counts"]:
        machine_user.confine(message["counts"])
    default_signals()
    os.umask(0o022)
    os.chdir("/")
    wanted = {int(number): descriptors[index] for number, index in message["fds"].items()}
    _execute(message["argv"], message["env"], wanted, sock)


def _enter_group(folder: str) -> None:
    """Have all that this process and its children use counted, and limited, as the machine's: before there is anything to count."""
    if not folder:
        return
    try:
        Path(folder, "cgroup.procs").write_text("0", encoding="ascii")
    except OSError as error:
        msg = f"cannot enter its control group {folder}: {error.strerror}"
        raise MachineError(msg) from error


def _execute(
    argv: list[str], environment: dict[str, str], wanted: dict[int, int], sock: socket.socket
) -> None:
    # the hand-over socket closes when the program runs, or else carries the words of why it does not
    report = max([2, *wanted]) + 1
    _place_descriptors({**wanted, report: sock.fileno()})
    os.set_inheritable(report, False)
    try:
        os.execvpe(argv[0], argv, environment)  # noqa: S606 - the caller's program, as it asked
    except OSError as error:
        wire.send(socket.socket(fileno=report), {"error": f"cannot execute {argv[0]}: {error.strerror}"})
        os._exit(127)


def _child(message: dict[str, Any], descriptors: list[int], sock: socket.socket) -> None:
    try:
        _become(message, descriptors, sock)
    except BaseException as error:  # noqa: BLE001 - the last frame of a forked process: report, and never return
        try:
            wire.send(sock, {"error": str(error)})
        except OSError:
            sys.excepthook(*sys.exc_info())
    finally:
        os._exit(1)


def _receive(sock: socket.socket, assembler: wire.Assembler) -> tuple[wire.Message, list[int]] | None:
    while (item := assembler.pop()) is None:
        if not assembler.receive(sock):
            return None
    if "error" in item[0]:
        raise MachineError(item[0]["error"])
    return item


def spawn(message: dict[str, Any], descriptors: list[int]) -> tuple[wire.Message, list[int]]:
    """Start a machine; answer {"pid": host's number, "netns": its identity} with its listeners."""
    ours, theirs = socket.socketpair()
    pid = os.fork()
    if pid == 0:
        ours.close()
        _child(message, descriptors, theirs)
    children.add(pid)
    theirs.close()
    with ours:
        assembler = wire.Assembler()
        begun = _receive(ours, assembler)
        if begun is None:
            msg = f"{message['instance']}: its process ended before it had a network namespace"
            raise MachineError(msg)
        _note(Path(message["record"]), {**message["noted"], **begun[0]})
        _wire_up(message, pid)
        ours.send(b"l")
        item = _receive(ours, assembler)
        if item is None:
            msg = f"{message['instance']}: its process ended while its network was being made"
            raise MachineError(msg)
        try:
            _receive(ours, assembler)  # the end of the stream: the program runs
        except MachineError:
            for descriptor in item[1]:
                os.close(descriptor)
            raise
    return item


def _note(file: Path, content: dict[str, Any]) -> None:
    """Write down who the machine is while nobody else knows: the daemon may be gone before it is told."""
    draft = file.with_suffix(".new")
    draft.write_text(json.dumps(content), encoding="utf-8")
    draft.rename(file)


def _wire_up(message: dict[str, Any], pid: int) -> None:
    link, bridge = link_name(message["instance"]), bridge_name(message["subnetwork"])
    if link in (name for _, name in socket.if_nameindex()):  # left over from a machine that was never removed
        ip_batch([f"link delete {link}"])
    mtu, address = message["mtu"], message["address"]
    ip_batch(
        [
            f"link add {link} mtu {mtu} type veth peer name eth0 netns {pid} address {mac_address(address)} mtu {mtu}",
            f"link set {link} master {bridge}",
            f"link set {link} type bridge_slave isolated on",
            f"link set {link} up",
            f"neighbour replace {address} lladdr {mac_address(address)} dev {bridge} nud permanent",
        ]
    )
    for router, _ in message["faults"]:
        load_rules(router)


def set_faults(message: dict[str, Any], _: list[int]) -> tuple[wire.Message, list[int]]:
    """Load scripts about a machine's faults, pairs for the router and for its namespace; no machine (pid 0) has none."""
    for router, inside in message["scripts"]:
        load_rules(router)
        if message["pid"]:
            here = _in_namespace(message["pid"])
            try:
                load_rules(inside)
            finally:
                _back(here)
    return {}, []


def _in_namespace(pid: int) -> int:
    here = os.open("/proc/self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    try:
        enter(pid, {"net": CLONE_NEWNET})
    except FileNotFoundError as error:
        os.close(here)
        msg = f"process {pid}: there is no such machine any more"
        raise MachineError(msg) from error
    return here


def _back(here: int) -> None:
    setns(here, CLONE_NEWNET)
    os.close(here)


def listen(message: dict[str, Any], _: list[int]) -> tuple[wire.Message, list[int]]:
    """Make the listeners again that a living machine had; its addresses and rules are there, so no command is run for it."""
    here = _in_namespace(message["pid"])
    try:
        made = _listeners(message["listeners"], message["address"])
    finally:
        _back(here)
    return {}, [each.detach() for each in made]


def set_google_apis(message: dict[str, Any], _: list[int]) -> tuple[wire.Message, list[int]]:
    """Have a machine reach Google's APIs, or have what it sends there go the way of everything that is not in the cloud."""
    here = _in_namespace(message["pid"])
    try:
        machine_addresses.hold(GOOGLE_ADDRESS, held=message["reached"])
    finally:
        _back(here)
    return {}, []


def set_local_addresses(message: dict[str, Any], _: list[int]) -> tuple[wire.Message, list[int]]:
    """Have a machine answer to exactly these forwarding rules' addresses."""
    here = _in_namespace(message["pid"])
    try:
        machine_addresses.answer_to(message["addresses"])
    finally:
        _back(here)
    return {}, []
