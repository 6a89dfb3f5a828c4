"""What an instance's owner may set of the script runner: the section MetadataScripts of the guest agent's configuration files."""

from __future__ import annotations

FILES = tuple(f"/etc/default/instance_configs.cfg{suffix}" for suffix in (".distro", ".template", ""))
_TRUE = {"1", "t", "true", "y", "yes", "on"}


class RunnerSettings:
    """Which kinds of scripts are run, by which shell, and below which folder ("": the one for temporary files)."""

    def __init__(self, files: tuple[str, ...] = FILES) -> None:
        values: dict[str, str] = {}
        for path in files:
            try:
                with open(path, encoding="utf-8", errors="replace") as file:
                    values.update(_section(file.read()))
            except OSError:
                continue
        self.shell = values.get("default_shell") or "/bin/bash"
        self.folder = values.get("run_dir", "")
        self._values = values

    def runs(self, kind: str) -> bool:
        """Whether scripts of this kind are run."""
        return kind == "specialize" or self._values.get(kind, "true").lower() in _TRUE


def _section(text: str) -> dict[str, str]:
    """Return the settings of the section; a later one stands above an earlier one."""
    values, here = {}, False
    for line in text.splitlines():
        stripped = line.strip()
        if stripped.startswith("["):
            here = stripped == "[MetadataScripts]"
        elif here and "=" in stripped and stripped[0] not in "#;":
            name, _, value = stripped.partition("=")
            values[name.strip()] = value.strip()
    return values
