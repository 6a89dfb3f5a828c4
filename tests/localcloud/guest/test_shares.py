"""What instances may have the daemon do is divided among them: nobody waits for another's loop."""

from __future__ import annotations

import asyncio
import socket
from typing import TYPE_CHECKING

import pytest

from localcloud.clock import VirtualClock
from localcloud.guest.gate import Gate
from localcloud.guest.room import Room
from localcloud.guest.shares import ALL, BURST, EACH, MOST_CONNECTIONS, Allowance, Shares

if TYPE_CHECKING:
    from collections.abc import Callable

ROOM = Room(open_files=20_000)


class Counting:
    """A clock, and instances that take as many turns as they get."""

    def __init__(self, machines: int) -> None:
        self.clock = VirtualClock()
        self.shares = Shares(self.clock, ROOM)
        self.shares.machines = machines

    def greedy(self, count: int, seconds: float) -> list[int]:
        """Return the turns that each of so many gets, if all take what they may have; the first asks first each time."""
        allowances = [Allowance(self.shares) for _ in range(count)]
        turns = [0] * count
        for _ in range(round(seconds * 200)):
            self.clock._now += 0.005
            for number, allowance in enumerate(allowances):
                while allowance.wait() == 0:
                    allowance.take()
                    turns[number] += 1
        return turns


def test_one_instance_has_a_burst_and_then_its_rate() -> None:
    counting = Counting(machines=1)
    (turns,) = counting.greedy(1, 10)
    assert turns == pytest.approx(BURST + 10 * EACH, abs=2)


def test_all_have_their_total_and_everyone_an_equal_part_of_it_however_late_they_ask() -> None:
    count, seconds = 50, 10
    counting = Counting(machines=count)
    turns = counting.greedy(count, seconds)
    assert sum(turns) <= ALL * (seconds + 1) + 20 * count + count, "bursts, and then what all may have"
    assert min(turns) >= ALL / count * seconds - 1, "the last to ask has its part"


def test_what_others_leave_may_be_used() -> None:
    counting = Counting(machines=300)
    (turns,) = counting.greedy(1, 10)
    assert turns == pytest.approx(BURST + 10 * EACH, abs=2), "far more than a 300th of all"


def test_turns_are_had_in_the_order_of_asking() -> None:
    async def run() -> list[int]:
        counting = Counting(machines=1)
        allowance = Allowance(counting.shares)
        while allowance.wait() == 0:
            allowance.take()
        order: list[int] = []

        async def ask(number: int) -> None:
            assert await allowance.turn()
            order.append(number)

        asking = [asyncio.create_task(ask(number)) for number in range(10)]
        await asyncio.sleep(0)
        await counting.clock.advance(10 / EACH + 0.01)
        await asyncio.gather(*asking)
        return order

    assert asyncio.run(run()) == list(range(10))


def test_connections_are_bounded_for_each_and_where_files_are_few_for_all() -> None:
    shares = Shares(VirtualClock(), Room(open_files=1024))
    shares.machines = 10
    assert shares.admits(MOST_CONNECTIONS - 1)
    assert not shares.admits(MOST_CONNECTIONS)
    shares.connections = 512  # half of the files: the other half are the daemon's own and the machines'
    assert shares.admits(24), "less than each has to itself"
    assert not shares.admits(25)


def test_gate_leaves_in_the_kernel_what_is_too_much_now() -> None:
    async def run() -> None:
        counting = Counting(machines=1)
        allowance = Allowance(counting.shares)
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
        taken: list[bytes] = []
        gate = Gate(ours, lambda sock: taken.append(sock.recv(16)), allowance)
        with theirs:
            while allowance.wait() == 0:
                allowance.take()
            for number in range(3):
                theirs.send(b"%d" % number)
            await _until(lambda: bool(counting.clock._sleepers))
            assert taken == [b"0"], "one came before the gate knew; then it is shut"
            await counting.clock.advance(2.1 / EACH)
            await _until(lambda: len(taken) == 2)
            await _until(lambda: bool(counting.clock._sleepers))
            assert taken == [b"0", b"1"]
            gate.close()
            assert ours.fileno() == -1

    asyncio.run(run())


async def _until(condition: Callable[[], bool]) -> None:
    while not condition():  # noqa: ASYNC110 - the kernel has it, and tells nobody
        await asyncio.sleep(0.001)
