"""The table of the component package's resources in docs/other-languages.md, made from the schema it serves."""

from __future__ import annotations

import json

from component_package.provider import PackageProvider
from tests.docs.fences import ROOT
from tests.docs.written_part import WrittenPart


def table() -> str:
    """Return the table in Markdown; inputs that have no default are in bold."""
    schema = json.loads(PackageProvider().schema or "")
    lines = ["resource | makes | inputs | outputs", "--- | --- | --- | ---"]
    for token, resource in schema["resources"].items():
        needed = set(resource["requiredInputs"])
        inputs = [f"**`{name}`**" if name in needed else f"`{name}`" for name in resource["inputProperties"]]
        outputs = [f"`{name}`" for name in resource["properties"]]
        makes = resource["description"].partition("\n")[0].rstrip(".")
        lines.append(f"`{token}` | {makes} | {', '.join(sorted(inputs))} | {', '.join(outputs)}")
    return "".join(f"| {line} |\n" for line in lines)


PART = WrittenPart(ROOT / "docs/other-languages.md", table)
