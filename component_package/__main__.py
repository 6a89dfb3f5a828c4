"""The plugin, as the engine starts it: `python component_package ENGINE_ADDRESS`."""

import importlib
import sys
from pathlib import Path

# Started as a folder, so that the folder itself is where Python looks first; what is wanted stands beside it.
sys.path[0] = str(Path(__file__).resolve().parents[1])
importlib.import_module("component_package.provider").serve()
