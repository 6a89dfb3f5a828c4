"""The engine's protocol stubs, without the start-up cost of the SDK around them.

`import pulumi` loads the whole SDK (100 ms); the host needs two generated modules of it. They import one another relatively, so
bare packages with the right `__path__` are enough to load them alone.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import Any


def _bare_package(name: str, folder: Path) -> None:
    package = ModuleType(name)
    package.__path__ = [str(folder)]
    sys.modules[name] = package


def _load(module: str) -> Any:  # noqa: ANN401  the stubs are generated and have no types
    if "pulumi" not in sys.modules:
        spec = importlib.util.find_spec("pulumi")
        if spec is None or not spec.submodule_search_locations:
            raise ImportError("the package `pulumi` is not installed in the language host's environment")
        root = Path(next(iter(spec.submodule_search_locations)))
        _bare_package("pulumi", root)
        _bare_package("pulumi.runtime", root / "runtime")
        _bare_package("pulumi.runtime.proto", root / "runtime" / "proto")
    return importlib.import_module(f"pulumi.runtime.proto.{module}")


language = _load("language_pb2")
language_service = _load("language_pb2_grpc")
plugin = _load("plugin_pb2")
