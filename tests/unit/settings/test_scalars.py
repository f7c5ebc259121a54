from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gatewayctl.settings.scalars import slug
from tests.fakes.projects import problems, project


@given(st.text())
def test_any_folder_name_makes_a_valid_project_name(folder: str) -> None:
    assert re.fullmatch(r"[a-z0-9]([a-z0-9\-]{0,61}[a-z0-9])?", slug(folder))


@pytest.mark.parametrize(
    ("folder", "name"),
    [
        ("My Gateway (2)", "my-gateway-2"),
        ("Größe", "groe"),
        ("...", "gateway"),
        ("漢字", "gateway"),
    ],
)
def test_the_project_name_resembles_the_name_of_the_folder(folder: str, name: str) -> None:
    assert slug(folder) == name


@pytest.mark.parametrize(
    "value", ["0", "65536", "-1", "abc", "4000.5", "yes", "[4000]", '""', "٤٠٠٠"]
)
def test_a_port_is_a_number_in_range(tmp_path: Path, value: str) -> None:
    (found,) = problems(tmp_path, f"ports:\n  litellm: {value}\n")

    assert found.startswith(
        "gateway.yaml line 2 column 12: ports.litellm must be a port from 1 to 65535"
    )


@pytest.mark.parametrize("value", ["4321", '"4321"', "' 4321 '"])
def test_a_port_in_quotes_is_understood(tmp_path: Path, value: str) -> None:
    assert project(tmp_path, f"ports:\n  litellm: {value}\n").ports.litellm == 4321


@pytest.mark.parametrize("name", ["phoenix_grpc", "postgres_litellm", "postgres_phoenix"])
def test_a_port_that_only_others_need_may_be_none(tmp_path: Path, name: str) -> None:
    assert getattr(project(tmp_path, f"ports: {{{name}: none}}\n").ports, name) is None
    assert getattr(project(tmp_path, f"ports: {{{name}: 7000}}\n").ports, name) == 7000

    (found,) = problems(tmp_path, f"ports: {{{name}: no}}\n")
    assert f"ports.{name} must be a port from 1 to 65535, or none, not false" in found


@pytest.mark.parametrize("name", ["litellm", "phoenix"])
def test_a_port_that_gatewayctl_connects_to_may_not_be_none(tmp_path: Path, name: str) -> None:
    (found,) = problems(tmp_path, f"ports: {{{name}: none}}\n")

    assert f"ports.{name} must be a port from 1 to 65535, not 'none'" in found


def test_several_ports_may_be_none(tmp_path: Path) -> None:
    ports = "ports: {phoenix_grpc: none, postgres_litellm: none}\n"
    app = 'apps: {a: {image: x, ports: ["4317:80", "5433:81"]}}\n'

    assert project(tmp_path, ports + app).ports.postgres_phoenix is None


def test_a_port_used_twice_is_reported_where_it_was_set(tmp_path: Path) -> None:
    assert problems(tmp_path, "ports:\n  litellm: 6006\n") == [
        "gateway.yaml line 2 column 12: port 6006 is used twice: ports.litellm and ports.phoenix"
    ]


def test_a_port_used_twice_across_layers_names_the_later_service(tmp_path: Path) -> None:
    (found,) = problems(tmp_path, "ports:\n  litellm: 7000\n", environ={"PHOENIX_PORT": "7000"})

    assert found == (
        "environment variable PHOENIX_PORT: port 7000 is used twice: ports.litellm and"
        " ports.phoenix"
    )


@pytest.mark.parametrize("value", ["My App", "-x", "a_b", "ä", "2026", "[a]"])
def test_a_wrong_project_name_is_refused_with_a_suggestion(tmp_path: Path, value: str) -> None:
    found = problems(tmp_path, f"project_name: {value}\n")

    assert len(found) == 1
    assert "did you mean '" in found[0]


@pytest.mark.parametrize("value", ["127.0.0.1", "10.1.2.3", '"::1"', '"::"', "192.168.0.1"])
def test_an_address_to_bind_is_an_ip_address(tmp_path: Path, value: str) -> None:
    assert project(tmp_path, f"bind: {value}\n").bind == value.strip('"')


def test_localhost_is_the_loopback_address(tmp_path: Path) -> None:
    assert project(tmp_path, "bind: localhost\n").bind == "127.0.0.1"


@pytest.mark.parametrize("value", ["127", "example.org", "127.0.0.1:80", "[]", "999.1.1.1"])
def test_other_addresses_are_refused(tmp_path: Path, value: str) -> None:
    (found,) = problems(tmp_path, f"bind: {value}\n")

    assert "bind must be an IP address" in found


@pytest.mark.parametrize("value", ["swarm", "nomad", "3", "true", "[docker]", "Docker"])
def test_an_unknown_runtime_or_profile_lists_the_known_ones(tmp_path: Path, value: str) -> None:
    found = problems(tmp_path, f"runtime: {value}\nprofile: {value}\n")

    assert "runtime must be one of auto, embedded, docker, kubernetes" in found[0]
    assert "profile must be one of development, production" in found[1]


def test_a_value_that_looks_like_a_key_is_not_repeated(tmp_path: Path) -> None:
    found = problems(
        tmp_path,
        "runtime: sk-0123456789abcdefghij\nbind: abcdef0123456789abcdef0123456789\n",
    )

    assert "0123456789" not in "".join(found)
    assert len(found) == 2


@pytest.mark.parametrize(("value", "seconds"), [("0", 0), ("90", 90), ("2.5", 2.5), ("'7'", 7)])
def test_seconds_may_be_a_number_or_a_string(tmp_path: Path, value: str, seconds: float) -> None:
    assert project(tmp_path, f"lock_timeout: {value}\n").lock_timeout == seconds


@pytest.mark.parametrize("value", ["-1", "soon", "true", "[1]", ".inf", ".nan", "1e999", "'-0.1'"])
def test_other_lock_timeouts_are_refused(tmp_path: Path, value: str) -> None:
    (found,) = problems(tmp_path, f"lock_timeout: {value}\n")

    assert found.startswith("gateway.yaml line 1 column 15: ")
    assert "lock_timeout must be a non-negative number of seconds, not" in found


def test_the_flag_wins_over_the_environment_and_that_over_the_file(tmp_path: Path) -> None:
    text, environ = "lock_timeout: 1\n", {"GATEWAYCTL_LOCK_TIMEOUT": "2"}

    both = project(tmp_path, text, environ=environ, flags={"lock_timeout": 3.0})

    assert (both.lock_timeout, str(both.source_of("lock_timeout"))) == (3, "--lock-timeout")
    assert project(tmp_path, text, environ=environ).lock_timeout == 2
    assert project(tmp_path, text).lock_timeout == 1


@pytest.mark.parametrize("value", ["[a.pem]", "5", "~no-such-user-here/a.pem", '"a\\nb"'])
def test_what_is_no_path_is_refused(tmp_path: Path, value: str) -> None:
    (found,) = problems(tmp_path, f"ca_bundle: {value}\n")

    assert found.startswith("gateway.yaml line 1 column 12: ca_bundle must be the path of a file")


def test_a_path_is_relative_to_the_project(tmp_path: Path) -> None:
    assert project(tmp_path, "ca_bundle: certs/a.pem\n").ca_bundle == tmp_path / "certs/a.pem"
    assert project(tmp_path, "ca_bundle: ~/a.pem\n").ca_bundle == Path.home() / "a.pem"
