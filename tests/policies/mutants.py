"""Mutation testing of the rules: `policies/.venv/bin/python -m tests.policies.mutants [MODULE ...]` from the repository's root.

Every change that cosmic-ray knows is made to the modules, one at a time, on a copy; the tests must fail. What they let pass is
printed, and makes the exit status 1 unless it is explained in `EXPLAINED`. Without MODULE, the health-check rules and what they rest
on. A mutant takes about two seconds; a run that was stopped goes on with `--session FOLDER` where it was.
"""

from __future__ import annotations

import argparse
import json
import shlex
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

ROOT: Final = Path(__file__).resolve().parents[2]
MODULES: Final = (
    "timing",
    "rules/check_pairs",
    "rules/autohealing",
    "rules/health_checks",
    "pairing",
    "probe",
)
# The quickest and most telling first: each mutant is given up at its first failing test.
TESTS: Final = (
    "boundaries",
    "probe",
    "health_checks",
    "strictness",
    "catalogue",
    "links",
    "exemptions",
    "table",
)

EDGES: Final = (
    "ports",
    "firewall",
    "balancer_edges",
    "group_edges",
    "template_edges",
    "boundaries",
    "links",
)
PYTEST: Final = f"{sys.executable} -m pytest -q -x -p no:cacheprovider"

# Module -> the cases that meet its rules: they and the tests of edges are tried, not those of other rules.
CASES: Final = {
    "rules/group": "MIG",
    "rules/autoscaler": "AS0",
    "rules/load_balancer": "LB0",
    "rules/backend_service": "LB0",
    "rules/template": "TPL",
    "rules/iam": "IAM",
    "rules/network": "NET",
    "scaling": "MIG or AS0",
    "forwarding": "LB0 or AS02",
    "firewall": "NET",
    "reach": "NET",
    "ports": "LB06",
}

# Bitwise operators for one another tell nothing that + and * for one another do not, and `|` stands in annotations only.
UNTRIED: Final = (
    "core/ReplaceBinaryOperator_BitOr_.*",
    "core/ReplaceBinaryOperator_.*_(Bit.*|.Shift|Pow|Mod)",
)
# Lines on which no change makes a difference to what runs: imports for types, and how a dataclass is made (all are called by keyword
# and none is assigned to, which the type checker sees to).
WITHOUT_EFFECT: Final = ("if TYPE_CHECKING:", "@dataclass(frozen=True")

EXPLAINED: Final = {
    "if delay <= required - 1e-9:": "no whole number of seconds is a billionth below what is required",
    "if not services or not stack.services_with_unknown_backends:": (
        "adds 'not applicable' beside a verdict that outranks it"
    ),
    """f"{unhealthy} lost probe{'s' if unhealthy != 1 else ''} in a row would recreate an instance.\"""": (
        "a threshold is 1 at least"
    ),
    'return f"{ratio:.1f}" if abs(ratio - round(ratio, 1)) <= 1e-9 else f"{ratio:.3f}"': (
        "no ratio of whole seconds is a billionth away from a tenth"
    ),
    "secure = check.type >= HTTPS_HEALTH_CHECK": "only two types come here, and the other sorts before it",
    "return healing.urn is balancing.urn": "both are read from the stack's one index, where a URN is one string",
    'if probe.path <= "/":': "paths begin with a slash, so none sorts before the one that is nothing else",
    'if check.link.scope <= "global":': "a link is global or in a region, and regions sort after it",
    "if check.type < REGION_HEALTH_CHECK:": "only two types come here, and the other sorts before it",
    'if rule.props.text("loadBalancingScheme", "EXTERNAL") > "EXTERNAL":': "no scheme sorts before it",
    """f"({group.label} spans {zones} zone{'s' if zones != 1 else ''})\"""": "a group has one zone at least",
    "if largest <= factor * smallest - 1e-9:": "no product of such numbers is a billionth away from a whole one",
    'if _metadata_flag(template, "enable-oslogin") == False:': "it is true, false or none",
    'if field >= "ipv6AccessConfigs" and _stands_behind_ipv6(template, stack):': "of the two fields it is the later",
    "if made_from == template and any(": "both are read from the stack's one index",
    "if value == UNKNOWN:": "there is one such value",
    "if group.type <= GROUP_MANAGER:": "only two types come here, and the other sorts after it",
    'if rule.props.text("ipVersion", "IPV4") > "IPV4":': "no version sorts before it",
    "def _grants(binding: Resource, /, with_members: bool) -> list[Grant]:": "who calls it names what it gives",
    "service.type >= REGION_BACKEND_SERVICE": "only two types come here, and the other sorts before it",
    "if unavailable is None or unavailable != 0:": "the API takes none below nought",
    'return rule.props.text("direction", "INGRESS") >= "INGRESS" and not rule.props.flag(': (
        "of the two directions it is the later"
    ),
    "if email == UNKNOWN and rule_sources and rule_sources <= template_sources:": "there is one such value",
    'if shape >= "EVEN" and redistribution != "PROACTIVE":': "of the two shapes that are left it is the later",
    """", ".join(str(first) if first >= last else f"{first}-{last}" for first, last in self.ranges)""": (
        "no range ends before it begins"
    ),
    "if surge <= 0:": "it is the greater of two numbers, each nought if unset, and the API takes none below",
    "if resource.type >= SUBNETWORK:": "of the types that come here none sorts after it",
    'and service.props.text("loadBalancingScheme", "INTERNAL") <= "EXTERNAL"': "no scheme sorts before it",
    'if isinstance(link, str) and link.rsplit("/", 2)[-1] == "default":': "the last part is the last, however many are cut",
    'zones = [zone.rsplit("/", 2)[-1] for zone in group.props.texts("distributionPolicyZones")]': (
        "the last part is the last, however many are cut"
    ),
    """f"{group.label}: {count} zone{'s' if count != 1 else ''} ({', '.join(zones)}), required at least {least}\"""": (
        "a group has one zone at least"
    ),
    'surge = max(policy.integer("maxSurgeFixed", -1), policy.integer("maxSurgePercent", 0))': (
        "the other one is nought at least"
    ),
    'surge = max(policy.integer("maxSurgeFixed", 0), policy.integer("maxSurgePercent", -1))': (
        "the other one is nought at least"
    ),
}
"""Mutated line -> why no test can tell it from the original."""


@dataclass(frozen=True)
class Survivor:
    """A mutant that no test noticed."""

    module: str
    line: int
    before: str
    after: str

    @property
    def explanation(self) -> str | None:
        """Why that is right, if it is."""
        return EXPLAINED.get(self.after)


def main(arguments: Sequence[str]) -> int:
    """Run and print; the exit status is 1 if a survivor is not explained."""
    parser = argparse.ArgumentParser(prog="python -m tests.policies.mutants", description=__doc__)
    parser.add_argument(
        "modules", nargs="*", metavar="MODULE", help="such as rules/network (default: the health checks')"
    )
    parser.add_argument("--session", type=Path, help="folder to keep copy and results in")
    given = parser.parse_args(arguments)
    folder = given.session or Path(tempfile.mkdtemp(prefix="mutants-"))
    database = folder / "session.sqlite"
    if not database.exists():
        _prepare(folder, database, given.modules or MODULES)
    subprocess.run([_tool("cosmic-ray"), "exec", "mutants.toml", database], cwd=folder, check=True)
    tried, survivors = results(database)
    for survivor in survivors:
        print(f"{survivor.module}:{survivor.line}\n  - {survivor.before}\n  + {survivor.after}")
        if survivor.explanation:
            print(f"  explained: {survivor.explanation}")
    unexplained = sum(survivor.explanation is None for survivor in survivors)
    print(f"{tried} mutants, {len(survivors)} survived, {unexplained} of them unexplained ({folder})")
    return 1 if unexplained else 0


def results(database: Path) -> tuple[int, list[Survivor]]:
    """Return how many mutants were tried, and those that survived."""
    with sqlite3.connect(database) as session:
        (tried,) = session.execute(
            "SELECT count(*) FROM work_results WHERE test_outcome IS NOT NULL"
        ).fetchone()
        rows = session.execute(
            "SELECT module_path, start_pos_row, diff FROM mutation_specs JOIN work_results USING (job_id) "
            "WHERE test_outcome = 'SURVIVED' ORDER BY module_path, start_pos_row"
        ).fetchall()
    return tried, [Survivor(module, line, *_change(diff)) for module, line, diff in rows]


def _change(diff: str) -> Iterator[str]:
    for sign in "-+":
        changed = (
            line[1:] for line in diff.splitlines() if line.startswith(sign) and not line.startswith(sign * 3)
        )
        yield " ".join(" ".join(changed).split())


def _prepare(folder: Path, database: Path, modules: Sequence[str]) -> None:
    # The tool changes the files it tests, so it must not be let near the checkout.
    ignored = shutil.ignore_patterns("__pycache__", ".venv")
    for part in ("policies", "tests/policies"):
        shutil.copytree(ROOT / part, folder / part, ignore=ignored)
    for file in ("pyproject.toml", "tests/__init__.py"):
        shutil.copy(ROOT / file, folder / file)
    paths = [f"policies/mig_policies/{module}.py" for module in modules]
    cases = sorted({CASES[module] for module in modules if module in CASES})
    names = EDGES if cases else TESTS
    tests = f"{PYTEST} {' '.join(f'tests/policies/test_{name}.py' for name in names)}"
    if cases:
        tests = f"{PYTEST} tests/policies/test_catalogue.py -k '{' or '.join(cases)}' && {tests}"
    (folder / "mutants.toml").write_text(
        "[cosmic-ray]\n"
        f"module-path = {paths!r}\n"
        "timeout = 120.0\n"
        "excluded-modules = []\n"
        f"test-command = {json.dumps(shlex.join(('sh', '-c', tests)))}\n"
        '[cosmic-ray.distributor]\nname = "local"\n'
        f"[cosmic-ray.filters.operators-filter]\nexclude-operators = {list(UNTRIED)!r}\n"
    )
    subprocess.run([_tool("cosmic-ray"), "init", "mutants.toml", database], cwd=folder, check=True)
    subprocess.run([_tool("cr-filter-operators"), database, "mutants.toml"], cwd=folder, check=True)
    _skip_without_effect(folder, database)


def _skip_without_effect(folder: Path, database: Path) -> None:
    with sqlite3.connect(database) as session:
        pending = session.execute(
            "SELECT job_id, module_path, start_pos_row FROM mutation_specs "
            "WHERE job_id NOT IN (SELECT job_id FROM work_results)"
        ).fetchall()
        for job, module, line in pending:
            if (folder / module).read_text("utf-8").splitlines()[line - 1].strip().startswith(WITHOUT_EFFECT):
                session.execute(
                    "INSERT INTO work_results (job_id, worker_outcome, output) VALUES (?, 'SKIPPED', 'without effect')",
                    (job,),
                )


def _tool(name: str) -> str:
    return str(Path(sys.executable).with_name(name))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
