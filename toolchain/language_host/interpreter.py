"""Which Python a program or policy pack runs on, from the `runtime.options` of its project file."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

SUPPORTED_OPTIONS = frozenset({"virtualenv", "toolchain"})


class OptionsError(Exception):
    """The project's `runtime.options` cannot be honoured; the message says which, why, and what to do."""


@dataclass(frozen=True)
class Interpreter:
    """A Python and, if it is one, the virtual environment it belongs to."""

    executable: Path
    virtualenv: Path | None

    @classmethod
    def resolve(cls, root: Path, options: Mapping[str, object], environ: Mapping[str, str]) -> Interpreter:
        """Return the interpreter that `options` ask for; relative paths are relative to `root`.

        Raises:
            OptionsError: an option this host does not know, or no interpreter where the options point.
        """
        unknown = sorted(set(options) - SUPPORTED_OPTIONS)
        if unknown:
            raise OptionsError(
                f"runtime option {unknown[0]!r} is not supported by this language host (it knows "
                f"{', '.join(sorted(SUPPORTED_OPTIONS))}): remove it, or install the official Pulumi CLI"
            )
        tool = str(options.get("toolchain") or "pip")
        if tool not in {"pip", "uv"}:
            raise OptionsError(
                f"runtime option toolchain={tool!r} is not supported by this language host: use `pip` or `uv`, "
                "or install the official Pulumi CLI"
            )
        folder = str(options.get("virtualenv") or (".venv" if tool == "uv" else ""))
        if folder:
            return cls.of_virtualenv(root / folder, folder)
        for name in filter(None, (environ.get("PULUMI_PYTHON_CMD"), "python3", "python")):
            found = shutil.which(name, path=environ.get("PATH"))
            if found:
                return cls(Path(found), None)
        raise OptionsError("no `python3` on PATH: install Python 3.11 or newer, or set the virtualenv option")

    @classmethod
    def of_virtualenv(cls, path: Path, option: str) -> Interpreter:
        """Return the interpreter of the virtual environment at `path`, named `option` in the project file."""
        executable = path / "bin" / "python"
        if not os.access(executable, os.X_OK):
            state = "is not a virtual environment" if path.exists() else "does not exist"
            raise OptionsError(
                f"the virtualenv option is {option!r}, but {path} {state}: "
                "run `pulumi install` (or `make` for this project's own environments)"
            )
        return cls(executable, path)

    def environment(self, base: Mapping[str, str]) -> dict[str, str]:
        """Return `base` as it looks after activating the virtual environment."""
        result = dict(base)
        if self.virtualenv is not None:
            result["VIRTUAL_ENV"] = str(self.virtualenv)
            result["PATH"] = os.pathsep.join(
                filter(None, (str(self.virtualenv / "bin"), base.get("PATH", "")))
            )
            result.pop("PYTHONHOME", None)
        return result
