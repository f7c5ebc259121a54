from __future__ import annotations

import json
from pathlib import Path

import pytest

from gatewayctl.runtimes.docker.proxies import compose_variables, read_docker_config
from tests.fakes.projects import project

ENGINE = "tcp://engine:2375"


def test_without_any_proxy_compose_runs_as_it_does_by_hand(tmp_path: Path) -> None:
    assert compose_variables(project(tmp_path), {}) == {}


def test_the_operators_proxy_reaches_the_container_in_both_cases(tmp_path: Path) -> None:
    settings = project(
        tmp_path, env="https_proxy=http://p:1\n", environ={"NO_PROXY": "a", "no_proxy": "b"}
    )

    assert compose_variables(settings, {"HTTPS_PROXY": "http://docker:1", "NO_PROXY": "c"}) == {
        "HTTPS_PROXY": "http://p:1",
        "https_proxy": "http://p:1",
        "NO_PROXY": "a,b,c",
    }


def test_dockers_own_proxy_is_passed_on_where_the_operator_has_none(tmp_path: Path) -> None:
    found = compose_variables(project(tmp_path), {"ALL_PROXY": "http://d:1"})

    assert found == {"ALL_PROXY": "http://d:1", "all_proxy": "http://d:1"}


@pytest.mark.parametrize(
    ("docker", "chosen"), [({}, ""), ({"HTTP_PROXY": "http://d:1"}, "http://d:1")]
)
@pytest.mark.parametrize("address", ["http://127.0.0.1:3128", "localhost:1", "socks5://proxy:1"])
def test_an_address_that_a_container_cannot_use_is_hidden_from_it(
    tmp_path: Path, address: str, docker: dict[str, str], chosen: str
) -> None:
    settings = project(tmp_path, environ={"HTTP_PROXY": address})

    assert compose_variables(settings, docker) == {"HTTP_PROXY": chosen, "http_proxy": chosen}


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        ({"proxies": {"default": {"httpProxy": "http://p:1", "noProxy": "a"}}},
         {"HTTP_PROXY": "http://p:1", "NO_PROXY": "a"}),
        ({"proxies": {ENGINE: {"allProxy": "http://e:1"}, "default": {"httpProxy": "x"}}},
         {"ALL_PROXY": "http://e:1"}),
        ({"proxies": []}, {}),
        ({"proxies": {"default": {"httpProxy": 1}}}, {}),
        ([], {}),
    ],
)  # fmt: skip
def test_the_proxies_of_dockers_configuration_are_those_of_the_engine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, config: object, expected: dict[str, str]
) -> None:
    (tmp_path / "config.json").write_text(json.dumps(config))
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    monkeypatch.setenv("DOCKER_HOST", ENGINE)

    assert read_docker_config() == expected
