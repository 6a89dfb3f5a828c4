"""The LanguageRuntime service, as the Pulumi engine calls it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import grpc

from . import packages, stubs
from .children import Children, stream
from .install import install_commands
from .interpreter import Interpreter, OptionsError
from .program import REPORTED

if TYPE_CHECKING:
    from collections.abc import Iterator

Message = Any  # the protocol's messages are generated and have no types


class LanguageRuntime(stubs.language_service.LanguageRuntimeServicer):  # type: ignore[misc]  # generated, untyped
    """Runs Python programs and plugins for one engine.

    What it does not implement answers UNIMPLEMENTED, which the engine takes for "this host cannot do that": code generation,
    packing, linking, templates.
    """

    def __init__(self, engine_address: str, children: Children) -> None:
        self._engine_address = engine_address
        self._children = children

    def Handshake(self, request: Message, _context: grpc.ServicerContext) -> Message:
        """Learn the engine's address, for engines that do not pass it as an argument."""
        self._engine_address = request.engine_address or self._engine_address
        return stubs.language.LanguageHandshakeResponse()

    def GetPluginInfo(self, _request: Message, _context: grpc.ServicerContext) -> Message:
        """Answer with no version: as the official host's, this one's is the engine's."""
        return stubs.plugin.PluginInfo(version=os.environ.get("PULUMI_LANGUAGE_HOST_VERSION", ""))

    def GetRequiredPackages(self, request: Message, context: grpc.ServicerContext) -> Message:
        """List the providers that the installed SDKs ask for."""
        response = stubs.language.GetRequiredPackagesResponse()
        interpreter = self._interpreter(request.info, context)
        for package in packages.provider_packages(packages.search_path(interpreter)):
            item = response.packages.add(
                name=package.name, version=package.version, kind="resource", server=package.server
            )
            if package.parameter_name:
                item.parameterization.name = package.parameter_name
                item.parameterization.version = package.parameter_version
                item.parameterization.value = package.parameter_value
        return response

    def Run(self, request: Message, context: grpc.ServicerContext) -> Message:
        """Run the program until it ends; its output is this process's."""
        interpreter = self._interpreter(request.info, context)
        program = Path(request.info.program_directory, request.info.entry_point)
        if program.is_dir() and not (program / "__main__.py").is_file():
            return stubs.language.RunResponse(
                error=f"there is no Python program here: {program / '__main__.py'} is missing"
            )
        env = interpreter.environment(os.environ) | {
            "PULUMI_CONFIG": json.dumps(dict(request.config)),
            "PULUMI_CONFIG_SECRET_KEYS": json.dumps(list(request.configSecretKeys)),
            "PULUMI_PROJECT": request.project,
            "PULUMI_STACK": request.stack,
            "PULUMI_ORGANIZATION": request.organization,
            "PULUMI_DRY_RUN": "true" if request.dryRun else "false",
        }
        # -u: lines reach the user as they are printed; -P: the host's own folder stays out of the program's sys.path.
        command = [str(interpreter.executable), "-uP", str(Path(__file__).with_name("program.py"))]
        for name, value in (
            ("monitor", request.monitor_address),
            ("engine", self._engine_address),
            ("project", request.project),
            ("stack", request.stack),
            ("organization", request.organization),
            ("root-directory", request.info.root_directory),
            ("parallel", str(request.parallel)),
            ("dry-run", env["PULUMI_DRY_RUN"]),
        ):
            command.append(f"--{name}={value}")
        command += [str(program), *request.args]
        try:
            child = self._children.start(command, cwd=Path(request.pwd), env=env, capture=False)
        except InterruptedError:
            return stubs.language.RunResponse(bail=True)
        status = self._children.wait(child)
        if status == 0:
            return stubs.language.RunResponse()
        # A program that a signal ended was cancelled, or its end was reported by whoever sent the signal.
        if status == REPORTED or status < 0:
            return stubs.language.RunResponse(bail=True)
        return stubs.language.RunResponse(error=f"Program exited with non-zero exit code: {status}")

    def RunPlugin(self, request: Message, context: grpc.ServicerContext) -> Iterator[Message]:
        """Run a policy pack (kind "analyzer") or a plugin written in Python, and stream what it prints."""
        interpreter = self._interpreter(request.info, context)
        folder = request.info.program_directory
        env = interpreter.environment(dict(entry.split("=", 1) for entry in request.env) or os.environ)
        if request.kind == "analyzer":
            # The pack's own folder as working directory: `-m` puts it first on the path, before the program's modules.
            arguments, cwd = ["-m", "pulumi.policy", *request.args, folder], folder
        else:
            arguments, cwd = [str(Path(folder, request.info.entry_point)), *request.args], request.pwd
        try:
            child = self._children.start(
                [str(interpreter.executable), "-u", *arguments], cwd=Path(cwd), env=env, capture=True
            )
        except InterruptedError:
            context.abort(grpc.StatusCode.CANCELLED, "the language host is ending")
        # The engine ends a plugin by giving up this call.
        context.add_callback(lambda: self._children.end(child))
        for name, chunk in stream(child):
            yield stubs.language.RunPluginResponse(**{name: chunk})
        yield stubs.language.RunPluginResponse(exitcode=self._children.wait(child))

    def InstallDependencies(self, request: Message, context: grpc.ServicerContext) -> Iterator[Message]:
        """Make the virtual environment if there is none and install the requirements, streaming what the tools print."""
        folder = Path(request.info.program_directory or request.directory)
        options = _options(request.info)
        for command in install_commands(folder, options, os.environ):
            child = self._children.start(command, cwd=folder, env=os.environ, capture=True)
            context.add_callback(lambda child=child: self._children.end(child))
            for name, chunk in stream(child):
                yield stubs.language.InstallDependenciesResponse(**{name: chunk})
            status = self._children.wait(child)
            if status != 0:
                context.abort(
                    grpc.StatusCode.UNKNOWN, f"`{' '.join(command)}` failed with exit status {status}"
                )

    def About(self, request: Message, context: grpc.ServicerContext) -> Message:
        """Name the Python that programs run on."""
        interpreter = self._interpreter(request.info, context)
        version = subprocess.run(
            [interpreter.executable, "-c", "import platform; print(platform.python_version())"],
            check=True,
            capture_output=True,
            text=True,
        )
        return stubs.language.AboutResponse(
            executable=str(interpreter.executable), version=version.stdout.strip()
        )

    def GetProgramDependencies(self, request: Message, context: grpc.ServicerContext) -> Message:
        """List what is installed for the program."""
        interpreter = self._interpreter(request.info, context)
        response = stubs.language.GetProgramDependenciesResponse()
        found = packages.installed(
            packages.search_path(interpreter), transitive=request.transitiveDependencies
        )
        for name, version in found:
            response.dependencies.add(name=name, version=version)
        return response

    def RuntimeOptionsPrompts(self, _request: Message, _context: grpc.ServicerContext) -> Message:
        """Ask nothing: every option has a default."""
        return stubs.language.RuntimeOptionsResponse()

    def Cancel(self, _request: Message, _context: grpc.ServicerContext) -> Message:
        """End the running programs: the user gave up."""
        self._children.end_all(for_good=True)
        return stubs.language_service.google_dot_protobuf_dot_empty__pb2.Empty()

    def _interpreter(self, info: Message, context: grpc.ServicerContext) -> Interpreter:
        try:
            return Interpreter.resolve(
                Path(info.root_directory or info.program_directory), _options(info), os.environ
            )
        except OptionsError as error:
            _refuse(context, str(error))


def _options(info: Message) -> dict[str, object]:
    return {name: info.options[name] for name in info.options}


def _refuse(context: grpc.ServicerContext, message: str) -> NoReturn:
    context.abort(grpc.StatusCode.FAILED_PRECONDITION, message)
    sys.exit(message)  # unreachable: abort raises
