"""`python -m component_package.generate`: writes inputs.py and resources.py from the components' own types and docstrings.

The SDK reads a schema off Python classes, and knows no dataclasses, tuples, literals or unions. So the components' types are written
out once more in the words it knows, by the rules of `wire.py`; a test has them written again and compares.
"""

from __future__ import annotations

import dataclasses
import inspect
import json
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, Literal, get_args, get_origin

import pulumi

from component_package.wire import VALUE_KEY, records_in, scalars_in
from components.autoscaler import Autoscaler, AutoscalerArgs
from components.instance_template import InstanceTemplate, InstanceTemplateArgs
from components.managed_instance_group import ManagedInstanceGroup, ManagedInstanceGroupArgs
from components.monitoring import Monitoring, MonitoringArgs
from components.network import Network, NetworkArgs
from components.network_load_balancer import NetworkLoadBalancer, NetworkLoadBalancerArgs
from components.service_identity import ServiceIdentity, ServiceIdentityArgs
from components.startup_script import StartupScript, StartupScriptArgs
from config_decoder import hints_of, parts_of, required
from settings import PROVIDER_SETTINGS, Settings
from stack_schema import described

FOLDER: Final = Path(__file__).resolve().parent
HEADER: Final = '"""{}\n\nMade by `python -m component_package.generate`; do not edit.\n"""\n\n'
COMPONENTS: Final = (
    (StartupScript, StartupScriptArgs),
    (ServiceIdentity, ServiceIdentityArgs),
    (Network, NetworkArgs),
    (InstanceTemplate, InstanceTemplateArgs),
    (ManagedInstanceGroup, ManagedInstanceGroupArgs),
    (Autoscaler, AutoscalerArgs),
    (NetworkLoadBalancer, NetworkLoadBalancerArgs),
    (Monitoring, MonitoringArgs),
)
# What a service has no need to say, because the engine has said it already.
KNOWN: Final = {
    **{name: f"; `gcp:{name}` of the stack unless said" for name in PROVIDER_SETTINGS},
    "service": "; the resource's name unless said",
}
# A schema has no choice between records, so one record has the keys of all of them.
CHOICES: Final[Mapping[tuple[str, ...], str]] = {
    ("ScriptFiles", "ScriptUrl", "InlineScript"): "StartupSource",
    ("ScriptUrl", "InlineScript"): "CanarySource",
    ("NewVpc", "ExistingVpc"): "Vpc",
    ("NewServiceAccount", "ExistingServiceAccount"): "ServiceAccount",
    ("ImageFamily",): "Image",
}
# What several fields choose from; else a choice is called by its record and field.
SHARED: Final[Mapping[tuple[str, ...], str]] = {
    ("NEVER", "ON_PERMANENT_INSTANCE_DELETION"): "DeleteRule",
    ("NONE", "REFRESH", "RESTART", "REPLACE"): "UpdateAction",
    ("on", "off"): "Guard",
}


class Inputs:
    """The text of inputs.py, type by type, each after those it is made of."""

    def __init__(self) -> None:
        self.classes: dict[str, str] = {}
        self._words: dict[tuple[str, ...], str] = {}

    def text(self) -> str:
        """Return the whole file."""
        head = HEADER.format("What the package's resources take, in the words the SDK makes a schema of.")
        imports = "from enum import StrEnum\nfrom typing import NotRequired, TypedDict\n\nimport pulumi\n\n\n"
        return head + imports + "\n\n".join(self.classes.values())

    def add(
        self, name: str, records: list[Any], value: str = "", known: Mapping[str, str] | None = None
    ) -> str:
        """Add a record, or several in one, and return what it is called.

        Args:
            name: what to call it.
            records: the dataclasses.
            value: where one value may stand in place of the record, the words for it.
            known: fields that need not be said, with what is added to their descriptions.
        """
        if name in self.classes:
            return name
        lines = [f"class {name}(TypedDict):", _docstring(_words_for(records)), ""]
        for record in records:
            words, hints = described(record), hints_of(record)
            for field in dataclasses.fields(record):
                hint = hints[field.name]
                kind = self._annotation(hint, record, field.name)
                optional = (
                    not required(field)
                    or type(None) in parts_of(hint)
                    or len(records) > 1
                    or field.name in (known or {})
                )
                lines.append(f"    {field.name}: {f'NotRequired[{kind}]' if optional else kind}")
                if field.name not in words:
                    raise LookupError(f"{record.__name__}.{field.name} is not in its class's Attributes")
                said = words[field.name].rstrip(".") + (known or {}).get(field.name, "") + _as_text(hint)
                lines.append(_docstring(said))
        if value:
            lines += [f"    {VALUE_KEY}: NotRequired[str]", _docstring(value)]
        self.classes[name] = "\n".join(lines) + "\n"
        return name

    def _annotation(self, annotation: Any, record: Any, field: str) -> str:  # noqa: ANN401 - an annotation
        records, scalars = records_in(annotation), scalars_in(annotation)
        if records:
            names = tuple(found.__name__ for found in records)
            name = CHOICES[names] if len(names) > 1 or scalars else names[0]
            return self.add(name, records, "In place of all other keys: the name of one." if scalars else "")
        kind = "str" if set(scalars) == {int, str} else self._scalar(scalars[0], record, field)
        takes_outputs = any(get_origin(part) is pulumi.Output for part in parts_of(annotation))
        return f"pulumi.Input[{kind}]" if takes_outputs else kind

    def _scalar(self, annotation: Any, record: Any, field: str) -> str:  # noqa: ANN401 - an annotation
        origin = get_origin(annotation)
        if origin is Literal:
            return self._enumeration(get_args(annotation), record, field)
        if origin is tuple:
            return f"list[{self._annotation(get_args(annotation)[0], record, field)}]"
        if isinstance(origin, type) and issubclass(origin, Mapping):
            return f"dict[str, {self._annotation(get_args(annotation)[1], record, field)}]"
        name: str = annotation.__name__
        return name

    def _enumeration(self, words: tuple[str, ...], record: Any, field: str) -> str:  # noqa: ANN401 - a dataclass
        if words not in self._words:
            owner = "Service" if record is Settings else record.__name__
            name = SHARED.get(words) or owner + "".join(part.title() for part in field.split("_"))
            lines = [
                f"class {name}(StrEnum):",
                _docstring(f"As in `{field}`: {described(record)[field]}"),
                "",
            ]
            lines += [f"    {word.upper().replace('-', '_')} = {json.dumps(word)}" for word in words]
            self.classes[name] = "\n".join(lines) + "\n"
            self._words[words] = name
        return self._words[words]


def _words_for(records: list[Any]) -> str:
    said = [" ".join((inspect.getdoc(record) or "").split("\n\n")[0].split()) for record in records]
    if len(records) == 1:
        return said[0]
    keys = ["/".join(field.name for field in dataclasses.fields(record)) for record in records]
    return "One of these. " + " ".join(f"{{{key}}}: {text}" for key, text in zip(keys, said, strict=True))


def _as_text(annotation: Any) -> str:  # noqa: ANN401 - an annotation
    return '; always as text, "3" or "20%"' if set(scalars_in(annotation)) == {int, str} else ""


def _docstring(text: str) -> str:
    """Return the docstring of a class or field: one line however long, as a schema has it, and quotes as Markdown has them."""
    text = text.replace('"', "`").rstrip(".")
    if re.match(r"[a-z]+[ ,;]", text):
        text = text[0].upper() + text[1:]
    return f'    """{text}{"" if text.endswith(".)") else "."}"""'


def _resource(component: Any, record: Any) -> str:  # noqa: ANN401 - a component and its dataclass
    words = described(component)
    about = " ".join((inspect.getdoc(component) or "").split("\n\n")[0].split())
    lines = [f"class {component.__name__}(PackagedComponent):", _docstring(about), ""]
    lines.append(f"    _component = {component.__module__.rsplit('.', 1)[1]}.{component.__name__}")
    lines.append(f"    _record = {record.__module__.rsplit('.', 1)[1]}.{record.__name__}")
    for name, hint in inspect.get_annotations(component, eval_str=True).items():
        lines.append(f"    {'resource_id' if name == 'id' else name}: {_output(hint)}")
        lines.append(_docstring(words[name]))
    inputs = f"{record.__name__.removesuffix('Args')}Inputs"
    lines += [
        "",
        "    def __init__(",
        f"        self, name: str, args: {inputs}, opts: pulumi.ResourceOptions | None = None",
        "    ) -> None:",
        "        super().__init__(name, args, opts)",
    ]
    return "\n".join(lines) + "\n"


def _output(hint: Any) -> str:  # noqa: ANN401 - an annotation
    """Return a component's attribute as an annotation the SDK reads."""
    parts = parts_of(hint)
    none = " | None" if type(None) in parts else ""
    kind = next(part for part in parts if part is not type(None))
    origin = get_origin(kind)
    if origin in (tuple, list):
        return f"pulumi.Output[list[str]]{none}"
    if origin is dict:
        return f"dict[str, pulumi.Output[str]]{none}"
    inner = get_args(kind)[0] if origin is pulumi.Output else kind
    return f"pulumi.Output[{inner.__name__}]{none}"


def texts() -> dict[Path, str]:
    """Return the text of each file that is made here."""
    inputs = Inputs()
    for _, record in COMPONENTS:
        inputs.add(f"{record.__name__.removesuffix('Args')}Inputs", [record])
    inputs.add("SettingsInputs", [Settings], known=KNOWN)
    modules = sorted({item.__module__.rsplit(".", 1)[1] for pair in COMPONENTS for item in pair})
    names = sorted(f"{record.__name__.removesuffix('Args')}Inputs" for _, record in COMPONENTS)
    head = HEADER.format(
        "The program's components as resources of the package, each with its inputs and outputs."
    )
    listed = "".join(f"    {name},\n" for name in names)
    imported = "".join(f"    {name},\n" for name in modules)
    imports = (
        "import pulumi\n\n"
        f"from component_package.inputs import (\n{listed})\n"
        "from component_package.packaged import PackagedComponent\n"
        f"from components import (\n{imported})\n\n\n"
    )
    made = "\n\n".join(_resource(component, record) for component, record in COMPONENTS)
    return {
        FOLDER / "inputs.py": _formatted(inputs.text()),
        FOLDER / "resources.py": _formatted(head + imports + made),
    }


def _formatted(text: str) -> str:
    config = str(FOLDER.parent / "pyproject.toml")
    command = [sys.executable, "-m", "ruff", "format", "--config", config, "--stdin-filename", "made.py", "-"]
    return subprocess.run(command, input=text, stdout=subprocess.PIPE, text=True, check=True).stdout


if __name__ == "__main__":
    for path, text in texts().items():
        path.write_text(text, "utf-8")
