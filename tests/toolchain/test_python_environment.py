"""Python environments: keyed by what goes into them, made once, and linked into the checkout."""

from __future__ import annotations

import io
import subprocess
from typing import TYPE_CHECKING

import pytest

from toolchain.cache import Cache
from toolchain.errors import ToolchainError
from toolchain.progress import Progress
from toolchain.python_environment import PythonEnvironment, base_python, link, python_version

if TYPE_CHECKING:
    from pathlib import Path


def requirements(folder: Path) -> Path:
    (folder / "more.txt").write_text("# nothing more\n")
    file = folder / "requirements.txt"
    file.write_text("# nothing\n-r more.txt\n")
    return file


def test_the_folder_changes_with_every_included_file_and_source(tmp_path: Path) -> None:
    file = requirements(tmp_path)
    package = tmp_path / "package"
    package.mkdir()
    (package / "module.py").write_text("x = 1\n")
    environment = PythonEnvironment("it", file, sources=(package,))
    seen = [environment.folder(Cache(tmp_path), base_python())]
    (tmp_path / "more.txt").write_text("something\n")
    seen.append(environment.folder(Cache(tmp_path), base_python()))
    (package / "module.py").write_text("x = 2\n")
    seen.append(environment.folder(Cache(tmp_path), base_python()))
    seen.append(
        PythonEnvironment("it", file, dependencies=False, sources=(package,)).folder(
            Cache(tmp_path), base_python()
        )
    )

    assert len(set(seen)) == 4
    assert {folder.parent for folder in seen} == {tmp_path / "python"}


def test_an_environment_is_made_filled_and_made_only_once(tmp_path: Path) -> None:
    package = tmp_path / "greeting"
    package.mkdir()
    (package / "__init__.py").write_text("WORD = 'hello'\n")
    environment = PythonEnvironment("it", requirements(tmp_path), installer=False, sources=(package,))
    said = io.StringIO()
    folder = environment.ensure(Cache(tmp_path / "cache"), Progress(said))
    python = folder / "bin" / "python"

    answer = subprocess.run(
        [python, "-I", "-c", "import greeting; print(greeting.WORD)"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert answer.stdout == "hello\n"
    # Compiled, whatever PYTHONDONTWRITEBYTECODE says: slow starts are what people notice.
    assert list(folder.rglob("greeting/__pycache__/*.pyc"))
    assert python_version(python) == python_version(base_python())

    before = said.getvalue()
    assert environment.ensure(Cache(tmp_path / "cache"), Progress(said)) == folder
    assert said.getvalue() == before


def test_one_that_was_not_finished_is_made_again(tmp_path: Path) -> None:
    environment = PythonEnvironment("it", requirements(tmp_path), installer=False)
    cache = Cache(tmp_path / "cache")
    folder = environment.folder(cache, base_python())
    folder.mkdir(parents=True)
    (folder / "half").write_text("")
    environment.ensure(cache, Progress(io.StringIO()))
    assert not (folder / "half").exists()


def test_a_requirement_that_cannot_be_met_fails_with_the_installers_words(tmp_path: Path) -> None:
    file = tmp_path / "requirements.txt"
    file.write_text("./nowhere\n")
    environment = PythonEnvironment("it", file, installer=False)
    with pytest.raises(ToolchainError, match=r"(?s)Installing requirements.txt into `it`: failed .*nowhere"):
        environment.ensure(Cache(tmp_path / "cache"), Progress(io.StringIO()))


def test_a_link_follows_and_never_replaces_a_folder(tmp_path: Path) -> None:
    place = tmp_path / ".venv"
    for name in ("one", "two"):
        link(tmp_path / name, place)
        assert place.readlink() == tmp_path / name
    place.unlink()
    place.mkdir()
    with pytest.raises(ToolchainError, match="an environment of your own"):
        link(tmp_path / "one", place)
