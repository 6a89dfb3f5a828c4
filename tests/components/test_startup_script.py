"""The start-up script where instances find it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from components.startup_script import InlineScript, ScriptFiles, ScriptUrl, StartupScript, StartupScriptArgs
from tests.components.recording import REGION, Recording, record

if TYPE_CHECKING:
    from pathlib import Path


def script(source: ScriptFiles | ScriptUrl | InlineScript) -> tuple[StartupScript, Recording]:
    made: list[StartupScript] = []
    recording = record(
        lambda: made.append(StartupScript("web", StartupScriptArgs(source=source, region=REGION)))
    )
    return made[0], recording


def test_files_are_uploaded_in_place_under_fixed_names(tmp_path: Path) -> None:
    (tmp_path / "startup.sh").write_text("#!/bin/bash\n")
    (tmp_path / "app.py").write_text("print('ä')\n")
    component, made = script(
        ScriptFiles(script=str(tmp_path / "startup.sh"), files=(str(tmp_path / "app.py"),))
    )
    assert {item.inputs["name"]: item.inputs["content"] for item in made.of("BucketObject")} == {
        "startup.sh": "#!/bin/bash\n",
        "app.py": "print('ä')\n",
    }
    bucket = made.one("Bucket").inputs
    assert "name" not in bucket
    assert (bucket["publicAccessPrevention"], bucket["uniformBucketLevelAccess"]) == ("enforced", True)
    assert made.outputs["mig-nlb:compute:StartupScript"]["url"] == "gs://web-scripts-1a2b3c4/startup.sh"
    assert component.metadata["startup-script-digest"] == component.digest


def test_a_new_bucket_is_encrypted_with_the_key_that_is_named(tmp_path: Path) -> None:
    (tmp_path / "startup.sh").write_text("#!/bin/bash\n")
    key = "projects/p/locations/l/keyRings/r/cryptoKeys/k"
    _, made = script(ScriptFiles(script=str(tmp_path / "startup.sh"), kms_key=key))
    assert made.one("Bucket").inputs["encryption"] == {"defaultKmsKeyName": key}


@pytest.mark.parametrize("changed", ["startup.sh", "app.py"])
def test_the_digest_follows_every_file_and_nothing_else(tmp_path: Path, changed: str) -> None:
    (tmp_path / "startup.sh").write_text("#!/bin/bash\n")
    (tmp_path / "app.py").write_text("1\n")
    files = ScriptFiles(script=str(tmp_path / "startup.sh"), files=(str(tmp_path / "app.py"),))
    first, _ = script(files)
    again, _ = script(files)
    with (tmp_path / changed).open("a") as file:
        file.write("# more\n")
    other, _ = script(files)
    assert first.digest == again.digest != other.digest


def test_a_letter_that_moves_from_a_files_name_into_it_changes_the_digest(tmp_path: Path) -> None:
    (tmp_path / "startup.sh").write_text("#!/bin/bash\n")
    (tmp_path / "ab").write_text("c")
    (tmp_path / "a").write_text("bc")
    made = [
        script(ScriptFiles(script=str(tmp_path / "startup.sh"), files=(str(tmp_path / name),)))[0]
        for name in ("ab", "a")
    ]
    assert made[0].digest != made[1].digest


def test_a_script_elsewhere_and_a_script_inline_upload_nothing() -> None:
    elsewhere, made = script(ScriptUrl(url="gs://theirs/a/startup.sh", version="7"))
    assert made.of("Bucket") == made.of("BucketObject") == []
    assert elsewhere.metadata == {
        "startup-script-url": "gs://theirs/a/startup.sh",
        "startup-script-digest": "7",
    }
    assert made.outputs["mig-nlb:compute:StartupScript"]["bucket"] == "theirs"
    inline, made = script(InlineScript(text="#!/bin/sh\necho hi\n"))
    assert [item for item in made.resources if item.custom] == []
    assert inline.metadata == {"startup-script": "#!/bin/sh\necho hi\n"}
