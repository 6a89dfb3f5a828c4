"""How long `make up` takes with warm caches, against the bare engine on an empty program."""

from __future__ import annotations

import os
import subprocess
import tempfile
import time
from pathlib import Path

from benchmarks.section import BenchmarkSection, Row

ROOT = Path(__file__).resolve().parents[1]
ROUNDS = 5

METHOD = f"""
{ROUNDS} rounds, each: the bare engine creates the stack of an empty program (`pulumi up --yes`, its own file backend, the program's
virtual environment, no provider and no policy pack); `make up` puts the three-instance stack on a local cloud that does not exist
yet, until its address answers (preflight, cloud, preview, policy pack, update, instances booted, probed and in service); `make up`
again, with nothing to do; `make down`. Engine and Python environments are in the cache."""


def _timed(command: list[str], cwd: Path, env: dict[str, str]) -> float:
    started = time.perf_counter()
    done = subprocess.run(
        command,
        cwd=cwd,
        env=env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    taken = time.perf_counter() - started
    if done.returncode != 0:
        raise RuntimeError(
            f"{' '.join(command)} failed with status {done.returncode}:\n{done.stdout[-3000:]}"
        )
    return taken


def _bare(folder: Path, env: dict[str, str]) -> float:
    program = folder / "program"
    program.mkdir()
    (program / "Pulumi.yaml").write_text(
        f"name: empty\nruntime: {{name: python, options: {{virtualenv: {ROOT / '.venv'}}}}}\n", "utf-8"
    )
    (program / "__main__.py").write_text("", "utf-8")
    env = env | {"PULUMI_BACKEND_URL": f"file://{folder}", "PULUMI_CONFIG_PASSPHRASE": "empty"}
    # The environment has SDKs whose providers the empty program does not use; the engine would try to download them.
    env["PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION"] = "true"
    _timed(["pulumi", "stack", "init", "dev"], program, env)
    return _timed(["pulumi", "up", "--yes", "--stack", "dev"], program, env)


def run() -> BenchmarkSection:
    """Measure.

    Raises:
        RuntimeError: a command failed; the message ends with what it printed.
    """
    bare, first, again, down = [], [], [], []
    for _ in range(ROUNDS):
        with tempfile.TemporaryDirectory(prefix="mig-nlb-bench-") as name:
            folder = Path(name)
            env = {
                key: value
                for key, value in os.environ.items()
                if not key.startswith(("PULUMI_", "LOCALCLOUD_"))
            }
            env |= {"LOCALCLOUD_HOME": str(folder / "cloud"), "PULUMI_SKIP_UPDATE_CHECK": "true"}
            bare.append(_bare(folder, env))
            try:
                first.append(_timed(["make", "up"], ROOT, env))
                again.append(_timed(["make", "up"], ROOT, env))
            finally:
                down.append(_timed(["make", "down"], ROOT, env))
    rows = [
        Row.median("bare engine, empty program", bare, "s"),
        Row.median("`make up`, from nothing to an answer", first, "s", at_most=15),
        Row.median("`make up`, nothing to do", again, "s"),
        Row.median("`make down`", down, "s"),
    ]
    rows.append(Row.ratio("`make up` from nothing, against the bare engine", rows[1].value / rows[0].value))
    rows.append(
        Row.ratio("`make up` with nothing to do, against the bare engine", rows[2].value / rows[0].value)
    )
    return BenchmarkSection("Bringing the stack up", METHOD, rows)
