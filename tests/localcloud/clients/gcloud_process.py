"""gcloud's own code in one process for many commands, run by gcloud's own Python: what `gcloud` does after it has started.

A line of JSON in is a command's words, a line out its exit status and what it printed. Starting gcloud takes longer than most of its
commands do.

    PYTHON gcloud_process.py SDK_FOLDER
"""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path


def main() -> None:
    """Answer commands until the input ends."""
    library = Path(sys.argv[1]) / "lib"
    # As lib/gcloud.py has it, and without this file's folder, whose gcloud.py is not theirs.
    sys.path[0:1] = [str(library), str(library / "third_party")]
    from googlecloudsdk import gcloud_main  # type: ignore[import-not-found]  # noqa: PLC0415 - found there only
    from googlecloudsdk.core import log  # type: ignore[import-not-found]  # noqa: PLC0415 - as above

    answers = sys.stdout
    for line in sys.stdin:
        out, err = io.StringIO(), io.StringIO()
        sys.stdout, sys.stderr = out, err
        log.Reset(out, err)
        status = 0
        try:
            gcloud_main.CreateCLI([]).Execute(json.loads(line))  # anew: it remembers flags
        except SystemExit as ending:
            status = ending.code if isinstance(ending.code, int) else int(ending.code is not None)
        print(json.dumps([status, out.getvalue(), err.getvalue()]), file=answers, flush=True)


if __name__ == "__main__":
    main()
