"""The plugin, as the engine starts it: `python component_package ENGINE_ADDRESS`."""

import sys
from pathlib import Path

# Started as a folder, so that the folder itself is where Python looks first; what is wanted stands beside it.
sys.path[0] = str(Path(__file__).resolve().parents[1])

from component_package.provider import serve  # noqa: E402 - see above

serve()
