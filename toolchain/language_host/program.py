"""Runs one Pulumi program, in the program's own environment, against the engine that the arguments name.

Started by the language host as a script: it must not import anything of the host's. Exit status: 0, 1 (the SDK reported an error
as a status), or `REPORTED` when the error was already shown to the user.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import runpy
import signal
import sys
import traceback
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

REPORTED = 32


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="run a Pulumi program")
    for name in (
        "monitor",
        "engine",
        "project",
        "stack",
        "organization",
        "root-directory",
        "parallel",
        "dry-run",
    ):
        parser.add_argument(f"--{name}", required=True)
    parser.add_argument("program")
    parser.add_argument("arguments", nargs=argparse.REMAINDER)
    return parser.parse_args()


def _user_traceback(program: str, error: Exception) -> str:
    """Format `error` from the first frame in the program's folder on: what lies above is this machinery."""
    path = Path(program)
    folder = path if path.is_dir() else path.parent
    frame = error.__traceback__
    while frame is not None and folder not in Path(frame.tb_frame.f_code.co_filename).parents:
        frame = frame.tb_next
    return "".join(traceback.format_exception(type(error), error, frame or error.__traceback__))


def main() -> int:
    """Run the program and return the exit status."""
    # The engine interrupts its whole process group; end without a traceback of Python's own.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    arguments = _arguments()
    try:
        import pulumi  # noqa: PLC0415  a missing SDK deserves words of its own
        import pulumi.runtime  # noqa: PLC0415
    except ImportError:
        traceback.print_exc()
        print(
            f"The Pulumi SDK is not installed for {sys.executable}: run `pulumi install`, or name the program's "
            "virtual environment in `runtime.options.virtualenv` of Pulumi.yaml.",
            file=sys.stderr,
        )
        return 1

    pulumi.runtime.set_all_config(
        pulumi.runtime.get_config_env(), pulumi.runtime.get_config_secret_keys_env()
    )
    parallel = int(arguments.parallel)
    settings = pulumi.runtime.Settings(
        monitor=arguments.monitor,
        engine=arguments.engine,
        project=arguments.project,
        stack=arguments.stack,
        organization=arguments.organization,
        root_directory=arguments.root_directory,
        parallel=parallel,
        dry_run=arguments.dry_run == "true",
    )
    pulumi.runtime.configure(settings)
    sys.argv = [arguments.program, *arguments.arguments]

    # Futures that nobody awaited after a failure are the SDK's normal way of ending; asyncio would list each of them.
    logging.getLogger("asyncio").setLevel(logging.CRITICAL)
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    # Registrations block a thread each while the engine works on them: four per unit of parallelism keep it busy.
    executor = ThreadPoolExecutor(max_workers=max(parallel, 1) * 4)
    loop.set_default_executor(executor)
    program = arguments.program

    def run() -> None:
        runpy.run_path(program, run_name="__main__")

    try:
        loop.run_until_complete(pulumi.runtime.run_in_stack(run))
    except pulumi.RunError as error:
        pulumi.log.error(str(error))
        return REPORTED
    except Exception as error:  # noqa: BLE001  whatever the program raises is the user's to see
        pulumi.log.error("Program failed with an unhandled exception:\n" + _user_traceback(program, error))
        return REPORTED
    finally:
        executor.shutdown(wait=True)
        loop.close()
        sys.stdout.flush()
        sys.stderr.flush()
    return 0


if __name__ == "__main__":
    sys.exit(main())
