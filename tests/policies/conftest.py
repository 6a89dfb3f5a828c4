"""The pack is importable here without being installed; elsewhere (no pulumi-policy) its tests are not collected."""

import importlib.util
import sys
from pathlib import Path

POLICIES = Path(__file__).resolve().parents[2] / "policies"
sys.path.insert(0, str(POLICIES))

collect_ignore_glob = [] if importlib.util.find_spec("pulumi_policy") else ["test_*.py"]
