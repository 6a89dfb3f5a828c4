"""The cloud's fixed facts: made once, private, and never shared by two clouds."""

from __future__ import annotations

import socket
import stat
from dataclasses import replace
from pathlib import Path

import pytest

from localcloud.daemon import config
from localcloud.daemon.config import CloudConfig
from localcloud.home import Home


def test_made_once_and_read_again(tmp_path: Path) -> None:
    home = Home(tmp_path / "cloud")
    assert CloudConfig.load(home) is None
    made = CloudConfig.load_or_create(home)
    assert CloudConfig.load_or_create(home) == made == CloudConfig.load(home)
    assert made.api_port != made.provider_port
    assert made.external_range == f"{made.external_prefix}.0/24"


def test_a_cloud_is_made_for_a_project_and_stays_with_it(tmp_path: Path) -> None:
    home = Home(tmp_path / "cloud")
    made = CloudConfig.load_or_create(home, "example-web-prod")
    assert made.project == "example-web-prod"
    assert CloudConfig.load_or_create(home) == CloudConfig.load_or_create(home, "example-web-prod") == made
    with pytest.raises(
        ValueError, match=r"--project other-web: this cloud's project is example-web-prod for good"
    ):
        CloudConfig.load_or_create(home, "other-web")
    assert CloudConfig.load_or_create(Home(tmp_path / "other")).project == "local"


@pytest.mark.parametrize("project", ["", "Web", "web-", "1web-prod", "a" * 31, "../../etc"])
def test_what_is_no_project_id_is_refused_and_leaves_nothing(tmp_path: Path, project: str) -> None:
    home = Home(tmp_path / "cloud")
    with pytest.raises(ValueError, match="not a project id"):
        CloudConfig.load_or_create(home, project)
    assert not home.path.exists()


def test_the_number_of_probers_is_read_and_has_bounds(tmp_path: Path) -> None:
    home = Home(tmp_path / "cloud")
    made = CloudConfig.load_or_create(home)
    assert made.probers == 5
    text = home.config_file.read_text()
    home.config_file.write_text(text.replace('"probers": 5', '"probers": 3'))
    assert CloudConfig.load_or_create(home) == replace(made, probers=3)
    home.config_file.write_text(text.replace(',\n "probers": 5', ""))
    assert CloudConfig.load(home) == made, "a cloud that was made before there were several"
    for wrong in ("0", "11", "2.5", "true", '"five"'):
        home.config_file.write_text(text.replace('"probers": 5', f'"probers": {wrong}'))
        with pytest.raises(ValueError, match=r"config.json: probers is .* a whole number from 1 to 10"):
            CloudConfig.load(home)


def test_only_its_owner_can_read_the_token(tmp_path: Path) -> None:
    home = Home(tmp_path / "cloud")
    CloudConfig.load_or_create(home)
    assert stat.S_IMODE(home.config_file.stat().st_mode) == 0o600
    assert stat.S_IMODE(home.path.stat().st_mode) == 0o700


def test_two_folders_have_two_tokens(tmp_path: Path) -> None:
    one, other = (CloudConfig.load_or_create(Home(tmp_path / name)) for name in ("one", "other"))
    assert one.owner_token != other.owner_token


def test_ports_are_none_that_the_kernel_gives_to_others(tmp_path: Path) -> None:
    first = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text(encoding="ascii").split()[0])
    made = CloudConfig.load_or_create(Home(tmp_path / "cloud"))
    for port in (made.api_port, made.provider_port, config.RANGE_LOCK_PORT):
        assert 1024 <= port < first or first <= config._LOWEST_PORT


def test_ports_that_somebody_has_are_not_chosen() -> None:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        taken = one.getsockname()[1]
        with pytest.raises(OSError, match=f"no free port from {taken} to {taken} on 127.0.0.1"):
            next(config._free_ports(range(taken, taken + 1)))


def test_a_range_in_use_is_refused_and_not_chosen(tmp_path: Path) -> None:
    home = Home(tmp_path / "cloud")
    first = CloudConfig.load_or_create(home)
    with first.hold_range():
        with pytest.raises(OSError, match=f"{first.external_range} is in use by another local cloud"):
            first.hold_range()
        home.config_file.unlink()
        assert CloudConfig.load_or_create(home).external_prefix != first.external_prefix
    home.config_file.unlink()
    assert CloudConfig.load_or_create(home).external_prefix == first.external_prefix


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"api_port": 1, "surprise": 2}'])
def test_a_file_of_another_kind_is_named(tmp_path: Path, text: str) -> None:
    home = Home(tmp_path)
    home.config_file.write_text(text)
    with pytest.raises(ValueError, match=r"config\.json: not a local cloud's configuration"):
        CloudConfig.load(home)
