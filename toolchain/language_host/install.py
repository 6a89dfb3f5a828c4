"""How the dependencies of a program or policy pack are installed."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from .interpreter import Interpreter

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path


def install_commands(
    folder: Path, options: Mapping[str, object], environ: Mapping[str, str]
) -> Iterator[list[str]]:
    """Yield, one after the other, the commands that install `folder`'s requirements; each may rely on those before it.

    Args:
        folder: where `requirements.txt` is.
        options: the project's `runtime.options`.
        environ: used to find a Python when there is no virtual environment to make.
    """
    target = str(options.get("virtualenv") or "")
    if target:
        python = folder / target / "bin" / "python"
        if not os.access(python, os.X_OK):
            base = Interpreter.resolve(folder, {}, environ)
            yield [str(base.executable), "-m", "venv", str(folder / target)]
    else:
        python = Interpreter.resolve(folder, options, environ).executable
    requirements = folder / "requirements.txt"
    if not requirements.is_file():
        # Whatever is there stays as it is: it may be shared, and somebody else's.
        yield [str(python), "-c", f"print('nothing to install: there is no', {str(requirements)!r})"]
        return
    if not any(python.parent.glob("pip*")):
        # An environment made by uv has no pip of its own.
        yield [str(python), "-m", "ensurepip"]
    yield [str(python), "-m", "pip", "install", "--disable-pip-version-check", "-r", str(requirements)]
