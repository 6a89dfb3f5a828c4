"""Where the plugin talks to, as whom, and that it keeps to this machine."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import grpc
import pytest

from localcloud.provider.endpoints import require_loopback
from localcloud.provider.errors import ProviderError
from localcloud.provider.session import Defaults
from tests.localcloud.provider.driver import connected, plugin, served
from tests.localcloud.provider.scripted import Answer, Scripted

if TYPE_CHECKING:
    from localcloud.provider.values import Value

NETWORK = "gcp:compute/network:Network"
IMAGE = {"tok": "gcp:compute/getImage:getImage", "args": {"family": "f", "project": "p"}}
IMAGE_PATH = "/compute/beta/projects/p/global/images/family/f"


@pytest.mark.parametrize(
    "value", ["http://127.0.0.1:9/x", "http://localhost/", "https://[::1]:1/", "http://127.9.8.7/compute/v1/"]
)
def test_loopback_endpoints_are_taken(value: str) -> None:
    assert require_loopback("gcp:computeCustomEndpoint", value).endswith("/")


@pytest.mark.parametrize(
    "value",
    [
        "https://compute.googleapis.com/compute/v1/",
        "http://10.0.0.1/",
        "http://127.0.0.1.example.com/",
        "http://localhost.example.com/",
        "ftp://127.0.0.1/",
        "127.0.0.1:80",
        "http://127.0.0.1@example.com/",
    ],
)
def test_any_other_endpoint_is_refused_by_name_and_value(value: str) -> None:
    with pytest.raises(ProviderError) as error:
        require_loopback("gcp:computeCustomEndpoint", value)
    for part in ("gcp:computeCustomEndpoint", repr(value), "loopback", "http://127.0.0.1:9099/compute/v1/"):
        assert part in str(error.value)


def test_an_endpoint_elsewhere_fails_the_check_of_the_configuration_and_the_configuration() -> None:
    async def story() -> None:
        async with plugin() as address, connected(address) as driver:
            answer = await driver.call(
                "CheckConfig", {"news": {"iamCustomEndpoint": "https://iam.googleapis.com/"}}
            )
            assert answer["failures"][0]["property"] == "iamCustomEndpoint"
            with pytest.raises(grpc.aio.AioRpcError) as error:
                await driver.configure(
                    "http://127.0.0.1:1", monitoringCustomEndpoint="https://monitoring.googleapis.com/"
                )
            assert "gcp:monitoringCustomEndpoint" in str(error.value.details())

    asyncio.run(story())


def _image(_: Value) -> Answer:
    return 200, {"name": "f-1", "selfLink": "http://x/compute/beta/projects/p/global/images/f-1"}


def test_what_a_stack_leaves_out_comes_from_the_environment_then_from_the_command_line(
    tmp_path: Path,
) -> None:
    server = Scripted({f"GET {IMAGE_PATH}": _image, "GET /other/projects/p/global/images/family/f": _image})
    token = tmp_path / "token"
    token.write_text("from-file\n")

    async def story() -> None:
        async with served(server.app) as cloud:
            plain = Defaults(cloud, token, {})
            async with plugin(plain) as address, connected(address) as driver:
                await driver.call("Configure", {"args": {"project": "p"}})
                await driver.call("Invoke", IMAGE)
            variables = {
                "GOOGLE_COMPUTE_CUSTOM_ENDPOINT": f"{cloud}/other/",
                "GOOGLE_OAUTH_ACCESS_TOKEN": "t",
            }
            async with plugin(Defaults(cloud, None, variables)) as address, connected(address) as driver:
                await driver.call("Configure", {"args": {"project": "p"}})
                await driver.call("Invoke", IMAGE)

    asyncio.run(story())
    assert [key for key, _ in server.requests] == [
        f"GET {IMAGE_PATH}",
        "GET /other/projects/p/global/images/family/f",
    ]


def test_two_engines_at_once_keep_their_own_project() -> None:
    paths = [f"/compute/beta/projects/{name}/global/images/family/f" for name in ("one", "two")]
    server = Scripted({f"GET {path}": _image for path in paths})

    async def story() -> None:
        async with (
            served(server.app) as cloud,
            plugin() as address,
            connected(address) as first,
            connected(address) as second,
            connected(address) as stranger,
        ):
            await first.configure(cloud, project="one")
            await second.configure(cloud, project="two")
            for driver in (first, second, first):
                await driver.call("Invoke", {"tok": IMAGE["tok"], "args": {"family": "f"}})
            with pytest.raises(grpc.aio.AioRpcError) as error:
                await stranger.call("Invoke", {"tok": IMAGE["tok"], "args": {"family": "f"}})
            assert "not configured on this connection" in str(error.value.details())

    asyncio.run(story())
    assert [key for key, _ in server.requests] == [f"GET {paths[0]}", f"GET {paths[1]}", f"GET {paths[0]}"]


def test_a_secret_input_is_a_secret_output() -> None:
    secret = {"4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270", "value": "hush"}

    async def story() -> None:
        async with plugin() as address, connected(address) as driver:
            await driver.configure("http://127.0.0.1:1")
            planned = await driver.create(NETWORK, "n", {"name": "n", "description": secret}, preview=True)
            assert planned["properties"]["description"] == secret
            assert planned["properties"]["name"] == "n"

    asyncio.run(story())


def test_unknown_types_are_refused_with_what_is_served() -> None:
    async def story() -> None:
        async with plugin() as address, connected(address) as driver:
            await driver.configure("http://127.0.0.1:1")
            with pytest.raises(grpc.aio.AioRpcError) as error:
                await driver.create("gcp:pubsub/topic:Topic", "t", {})
            assert "gcp:pubsub/topic:Topic" in str(error.value.details())
            assert NETWORK in str(error.value.details())

    asyncio.run(story())


def test_the_process_prints_its_port_and_ends_when_told_to() -> None:
    command = [sys.executable, "-m", "localcloud.provider", "--endpoint", "http://127.0.0.1:1"]
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(Path(__file__).parents[3])}
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
    ) as process:
        assert process.stdout is not None
        assert int(process.stdout.readline()) > 0
        process.terminate()
        output, errors = process.communicate(timeout=300)
    assert (process.returncode, output, errors) == (0, "", "")


def test_the_process_refuses_an_endpoint_elsewhere() -> None:
    command = [sys.executable, "-m", "localcloud.provider", "--endpoint", "https://compute.googleapis.com/"]
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(Path(__file__).parents[3])}
    result = subprocess.run(
        command, capture_output=True, text=True, env=environment, check=False, timeout=300
    )
    assert result.returncode == 2
    assert "--endpoint is 'https://compute.googleapis.com/'" in result.stderr
