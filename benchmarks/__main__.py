"""`python -m benchmarks [NAME ...]`: run the benchmarks, all or those named, and write docs/benchmarks.md."""

from __future__ import annotations

import argparse
import importlib
import pkgutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import benchmarks
from benchmarks.document import Document

if TYPE_CHECKING:
    from collections.abc import Callable

    from benchmarks.section import BenchmarkSection

ROOT = Path(__file__).resolve().parents[1]
NOT_BENCHMARKS = {
    "__main__",
    "document",
    "section",
    "load_generator",
    "lanes",
    "emulators",
    "simulators",
    "rivals",
    "balancer_world",
    "crowd_cloud",
}


def available() -> list[str]:
    """Return the names of the benchmarks."""
    return [
        module.name
        for module in pkgutil.iter_modules(benchmarks.__path__)
        if module.name not in NOT_BENCHMARKS
    ]


def main(arguments: list[str]) -> int:
    """Run and write; the exit status is 1 if a benchmark could not be run, whatever the figures are."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks")
    parser.add_argument(
        "names", nargs="*", choices=[*available(), []], metavar="NAME", help=", ".join(available())
    )
    document = Document(ROOT / "docs" / "benchmarks.md")
    failed = 0
    for name in parser.parse_args(arguments).names or available():
        print(f"{name} ...", file=sys.stderr, flush=True)
        run: Callable[[], BenchmarkSection] = importlib.import_module(f"benchmarks.{name}").run
        try:
            section = run()
        except Exception as error:  # noqa: BLE001  one that cannot run must not cost the figures of the others
            print(f"  failed: {error}", file=sys.stderr)
            failed = 1
            continue
        document.put(name, section.markdown())
        for row in section.rows:
            print(f"  {row.markdown()}", file=sys.stderr, flush=True)
    return failed


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
