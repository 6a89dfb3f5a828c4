"""What the policy pack adds to a preview, and whether that is linear in the resources.

The same preview is made without a pack, with a pack of one policy that does nothing, and with ours. The gcp plugin's endpoint is a
port that nothing listens on: a first preview asks no cloud for anything.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

from benchmarks.section import BenchmarkSection, Row

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[1]
PACK = ROOT / "policies"
# Resources -> rounds: large previews vary little in proportion, and take long.
SIZES = {20: 5, 200: 3, 2000: 1}
RESOURCES_PER_GROUP = 10

EMPTY_PACK = """
from pulumi_policy import PolicyPack, StackValidationPolicy

PolicyPack("empty", policies=[StackValidationPolicy("nothing", "Asks nothing.", lambda args, report: None)])
"""

METHOD = f"""
First previews of {", ".join(map(str, SIZES))} resources ({", ".join(map(str, SIZES.values()))} rounds): balanced groups of
{RESOURCES_PER_GROUP} resources and one network, every rule of the pack passed. In each round the same preview is made without a
policy pack, with a pack of one policy that does nothing, and with this pack; what is shown as added is the difference within the
round. Engine, program and packs in this repository's environments, gcp resources by the local cloud's plugin without a cloud."""


@dataclass
class Times:
    """Seconds that previews of one size took, by round."""

    bare: list[float] = field(default_factory=list)
    empty: list[float] = field(default_factory=list)
    ours: list[float] = field(default_factory=list)

    @property
    def added_by_empty(self) -> list[float]:
        """What a pack that does nothing added, by round."""
        return [empty - bare for bare, empty in zip(self.bare, self.empty, strict=True)]

    @property
    def added(self) -> list[float]:
        """What the pack added, by round."""
        return [ours - bare for bare, ours in zip(self.bare, self.ours, strict=True)]


def run() -> BenchmarkSection:
    """Measure.

    Raises:
        RuntimeError: a preview failed; the message ends with what it printed.
    """
    with tempfile.TemporaryDirectory(prefix="mig-nlb-bench-") as name, _plugin() as port:
        folder = Path(name)
        env = _environment(folder, port)
        program = _program(folder, env)
        empty = _pack(folder)
        measured: dict[int, Times] = {}
        for resources, rounds in SIZES.items():
            _pulumi(program, env, "config", "set", "groups", str(resources // RESOURCES_PER_GROUP))
            measured[resources] = times = Times()
            for _ in range(rounds):
                times.bare.append(_preview(program, env))
                times.empty.append(_preview(program, env, empty))
                times.ours.append(_preview(program, env, PACK))
    return BenchmarkSection("The policy pack's part of a preview", METHOD, _rows(measured))


def _rows(measured: dict[int, Times]) -> list[Row]:
    rows: list[Row] = []
    for resources, times in measured.items():
        rows += [
            Row.median(f"preview of {resources} resources without a pack", times.bare, "s"),
            Row.median(f"added to {resources} by a pack that does nothing", times.added_by_empty, "s"),
            Row.median(f"added to {resources} by this pack", times.added, "s"),
            Row.ratio(
                f"preview of {resources} with this pack, against without",
                median(times.ours) / median(times.bare),
            ),
        ]
    _, middle, large = sorted(measured)
    added = {size: median(measured[size].added) for size in (middle, large)}
    per_resource = 1000 * (added[large] - added[middle]) / (large - middle)
    rows.append(Row(f"added for each resource from {middle} to {large}", per_resource, "ms"))
    if min(added.values()) > 0:
        # A pack that looked at every resource for every resource would come to ten here, a linear one to one at most. What is
        # less than nothing was lost in the noise of the previews, and proves neither.
        times_more = added[large] / (added[middle] * large / middle)
        name = f"added to {large} against {large // middle} times added to {middle}"
        rows.append(Row.ratio(name, times_more, at_most=1.5))
    return rows


def _environment(folder: Path, port: int) -> dict[str, str]:
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("PULUMI_", "GOOGLE_"))}
    return kept | {
        "PULUMI_BACKEND_URL": f"file://{folder}",
        "PULUMI_HOME": str(folder / "home"),
        "PULUMI_CONFIG_PASSPHRASE": "bench",
        "PULUMI_SKIP_UPDATE_CHECK": "true",
        "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
        "PULUMI_DEBUG_PROVIDERS": f"gcp:{port}",
    }


def _program(folder: Path, env: dict[str, str]) -> Path:
    program = folder / "program"
    program.mkdir()
    shutil.copy(Path(__file__).with_name("programs") / "many_groups.py", program / "__main__.py")
    (program / "Pulumi.yaml").write_text(
        f"name: many\nruntime: {{name: python, options: {{virtualenv: {ROOT / '.venv'}}}}}\n", "utf-8"
    )
    _pulumi(program, env, "stack", "init", "bench")  # and select it
    for key, value in {"project": "p", "region": "europe-west1", "skipRegionValidation": "true"}.items():
        _pulumi(program, env, "config", "set", f"gcp:{key}", value)
    return program


def _pack(folder: Path) -> Path:
    pack = folder / "empty"
    pack.mkdir()
    (pack / "PulumiPolicy.yaml").write_text(
        f"runtime: {{name: python, options: {{virtualenv: {PACK / '.venv'}}}}}\n", "utf-8"
    )
    (pack / "__main__.py").write_text(EMPTY_PACK, "utf-8")
    return pack


def _preview(program: Path, env: dict[str, str], pack: Path | None = None) -> float:
    options = ["--policy-pack", str(pack)] if pack else []
    started = time.perf_counter()
    _pulumi(program, env, "preview", "--suppress-outputs", *options)
    return time.perf_counter() - started


def _pulumi(program: Path, env: dict[str, str], *arguments: str) -> None:
    done = subprocess.run(
        ["pulumi", "--non-interactive", *arguments],
        cwd=program,
        env=env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise RuntimeError(f"pulumi {' '.join(arguments)} failed:\n{done.stdout[-3000:]}")


@contextmanager
def _plugin() -> Iterator[int]:
    plugin = subprocess.Popen(
        [sys.executable, "-m", "localcloud.provider", "--endpoint", "http://127.0.0.1:9/"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        if plugin.stdout is None:
            raise RuntimeError("the gcp plugin has no output")
        yield int(plugin.stdout.readline())
    finally:
        plugin.terminate()
        plugin.wait(timeout=30)
        if plugin.stdout is not None:
            plugin.stdout.close()
