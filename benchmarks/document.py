"""docs/benchmarks.md: a chapter per benchmark, each replaced by its next run and the others left as they are."""

from __future__ import annotations

import os
import platform
import re
from dataclasses import dataclass
from pathlib import Path

HEAD = """# Benchmarks

Written by `make bench` (`make bench ARGS=NAME` runs one). Figures are of the machine named under each chapter; what carries over to
another machine are the ratios, which were measured in one run. The median is shown where there are several measurements."""

_CHAPTER = re.compile(r"<!-- (\w+) -->\n(.*?)\n<!-- end -->", re.DOTALL)


def machine() -> str:
    """Return this machine in one line: processor, number of processors, kernel, Python."""
    model = platform.machine()
    for line in Path("/proc/cpuinfo").read_text("utf-8").splitlines():
        if line.startswith("model name"):
            model = line.partition(":")[2].strip()
            break
    return f"{os.cpu_count()} x {model}, Linux {platform.release()}, Python {platform.python_version()}"


@dataclass
class Document:
    """The file, as chapters by the name of their benchmark."""

    file: Path

    def chapters(self) -> dict[str, str]:
        """Return what is in the file."""
        if not self.file.exists():
            return {}
        return dict(_CHAPTER.findall(self.file.read_text("utf-8")))

    def put(self, name: str, markdown: str) -> None:
        """Replace or add the chapter of benchmark `name`; chapters are ordered by name."""
        chapters = self.chapters() | {name: f"{markdown}\n\nMeasured on {machine()}."}
        parts = [HEAD] + [f"<!-- {key} -->\n{chapters[key]}\n<!-- end -->" for key in sorted(chapters)]
        self.file.parent.mkdir(exist_ok=True)
        self.file.write_text("\n\n".join(parts) + "\n", "utf-8")
