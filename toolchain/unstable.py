"""Tests that fail once and not again: repeated alone, and never kept quiet about.

The tests run real processes, kernels and networks, thousands of times a day on machines that others use too. One that fails once in a
hundred runs is a defect, in the test or in what it tests, but no reason to refuse a change that has nothing to do with it. So a part of
the tests in which very few failed has these few repeated alone, several times over: a fault that is there fails again.
"""

from __future__ import annotations

import json
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from toolchain.progress import Progress

TESTS_FAILED = 1  # pytest's exit status; interruptions, errors of usage and of pytest itself have others
MOST = 2
TIMES = 3


@dataclass(frozen=True)
class Record:
    """Where one run of pytest writes down which tests failed.

    Args:
        folder: pytest's cache folder for this run alone; whoever runs the tests may write there.
    """

    folder: Path

    @classmethod
    @contextmanager
    def of_a_run(cls) -> Iterator[Record]:
        """Make the folder, for one run."""
        with tempfile.TemporaryDirectory(prefix="mig-nlb-record-", ignore_cleanup_errors=True) as name:
            folder = Path(name)
            folder.chmod(0o777)  # the end-to-end tests run as another user
            yield cls(folder / "cache")

    @property
    def arguments(self) -> tuple[str, ...]:
        """What pytest needs to be told."""
        return ("-o", f"cache_dir={self.folder}")

    def failed(self) -> tuple[str, ...]:
        """Return the node ids of the tests that failed, those of files that could not be imported included."""
        try:
            return tuple(json.loads((self.folder / "v/cache/lastfailed").read_bytes()))
        except FileNotFoundError:
            return ()

    def repeat(self, run: Callable[..., int], progress: Progress, found: list[str]) -> int:
        """Repeat the few tests that failed, and return the exit status that the run then has.

        Args:
            run: runs pytest with these arguments and returns its exit status.
            progress: says what is repeated, and why.
            found: gets the tests that passed every time.
        """
        failed = self.failed()
        if not 0 < len(failed) <= MOST:
            return TESTS_FAILED
        for time in range(1, TIMES + 1):
            progress.say(f"\nFailed once: {', '.join(failed)}\nRepeated alone, {time} of {TIMES}:")
            # Not with the first run's record: that stays what it was.
            if (status := run("-p", "no:cacheprovider", *failed)) != 0:
                return status
        found.extend(failed)
        return 0


def summary(found: Sequence[str]) -> str:
    """Say which tests failed and then passed, and what that means."""
    return "\n".join(
        [
            f"\nUNSTABLE, failed once and then passed {TIMES} times alone (above is how they failed; each is a defect to mend):",
            *(f"  {name}" for name in found),
        ]
    )
