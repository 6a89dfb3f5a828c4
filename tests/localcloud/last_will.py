"""What becomes of the tests' local clouds if the tests are killed: they are taken down.

A cloud outlives the process that started it: that is its nature. So a process of its own waits for the end of the tests, which the kernel
tells it by the end of a pipe, however they end, and then stops every cloud it finds in their folders. After tests that ended by themselves
it finds none.

`python last_will.py FOLDER...`: wait for the end of standard input; then stop the clouds in these folders, and remove the first folder.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[2]
RECORDS = {"holder.json", "daemon.json", "keeper.json", "plugin.json"}  # in a cloud's `run/`
MOST_LOOKS = 5  # a cloud may have been starting


@contextmanager
def last_will(own: Path, *others: Path) -> Iterator[int]:
    """Have the clouds in these folders, and the first folder itself, outlive this process by no more than their stopping takes.

    Yields the waiting process. The first folder is removed in any case.
    """
    with subprocess.Popen(
        [sys.executable, __file__, str(own), *map(str, others)],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,  # what ends the tests' terminal or their process group is not for this one
    ) as waiting:
        yield waiting.pid


def homes(folders: list[Path]) -> set[Path]:
    """Return the folders of clouds that may live, or have left something."""
    found = (
        Path(place)
        for folder in folders
        for place, _, files in os.walk(folder)
        if not RECORDS.isdisjoint(files)
    )
    return {place.parent for place in found if place.name == "run"}


def main() -> None:
    """Wait, then do it."""
    own, *_ = folders = [Path(each) for each in sys.argv[1:]]
    sys.stdin.buffer.read()
    for _ in range(MOST_LOOKS):
        found = homes(folders)
        if not found:
            break
        for home in found:
            environment = {**os.environ, "LOCALCLOUD_HOME": str(home), "PYTHONPATH": str(ROOT)}
            subprocess.run([sys.executable, "-m", "localcloud", "stop"], env=environment, check=False)
    shutil.rmtree(own, ignore_errors=True)


if __name__ == "__main__":
    main()
