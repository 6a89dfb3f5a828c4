"""JUnit XML, which most CI systems show: a test suite per rule, a test case per resource."""

from __future__ import annotations

from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

from mig_policies.verdict import Outcome

if TYPE_CHECKING:
    from mig_policies.reports.events import Run
    from mig_policies.reports.places import Places


def junit(run: Run, places: Places) -> str:
    """Return the run as XML: violations are failures (advisory ones too, and say so), undetermined are errors, exempt are skipped."""
    suites: dict[str, list[ET.Element]] = {}

    def case(rule: str, resource: str) -> ET.Element:
        element = ET.Element("testcase", {"classname": f"{run.pack}.{rule}", "name": resource or "the stack"})
        for place in places.get(resource, ())[:1]:
            element.set("file", place.file)
            if place.line is not None:
                element.set("line", str(place.line))
        suites.setdefault(rule, []).append(element)
        return element

    found = {(finding.rule, finding.urn) for finding in run.findings}
    for rule, urn in run.passed:
        if (rule, urn) not in found and not rule.startswith("PACK"):
            case(rule, urn)
    tags = {Outcome.VIOLATED: "failure", Outcome.UNDETERMINED: "error", Outcome.EXEMPT: "skipped"}
    for finding in run.findings:
        level = "mandatory" if finding.mandatory else "advisory"
        ET.SubElement(
            case(finding.rule, finding.urn),
            tags[finding.outcome],
            {"message": finding.message, "type": level},
        )
    for message in (*run.not_run, *run.errors, *([] if run.judged else ["the pack did not judge the stack"])):
        ET.SubElement(case("run", ""), "error", {"message": message, "type": "mandatory"})

    root = ET.Element("testsuites", {"name": run.pack})
    for rule, cases in sorted(suites.items()):
        counts = {tag: str(sum(element.find(tag) is not None for element in cases)) for tag in tags.values()}
        names = {"failures": counts["failure"], "errors": counts["error"], "skipped": counts["skipped"]}
        ET.SubElement(root, "testsuite", {"name": rule, "tests": str(len(cases)), **names}).extend(cases)
    ET.indent(root)
    return ET.tostring(root, encoding="unicode", xml_declaration=True) + "\n"
