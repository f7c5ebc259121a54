from __future__ import annotations

from pathlib import Path

import pytest

from gatewayctl.network import (
    explain_unusable,
    hosts_without_proxy,
    is_loopback,
    join_no_proxy,
    select_usable,
)
from gatewayctl.settings.masking import mask
from tests.fakes.projects import project


@pytest.mark.parametrize(
    "address",
    [
        "http://proxy:3128",
        "https://proxy",
        "proxy:3128",
        "http://u:p%40@10.0.0.1/",
        "[::1]:3128",
    ],
)
def test_litellm_can_use_http_proxies_with_and_without_a_scheme(address: str) -> None:
    assert explain_unusable(address) == ""


@pytest.mark.parametrize("address", ["socks5://127.0.0.1:1080", "socks5h://p:1", "nonsense://p"])
def test_a_proxy_of_another_kind_would_end_litellm_at_its_start(address: str) -> None:
    assert explain_unusable(address).endswith("LiteLLM supports only http and https")


@pytest.mark.parametrize("address", ["http://", "http://proxy:port", "http://[::1", ":3128"])
def test_what_is_no_address_is_not_passed_on(address: str) -> None:
    assert "is not the address of a proxy" in explain_unusable(address)


def test_a_proxy_on_this_machine_is_recognized() -> None:
    assert is_loopback("127.0.0.2:3128")
    assert is_loopback("http://u:p@localhost")
    assert is_loopback("http://[::1]:1")
    assert not is_loopback("http://proxy.localhost.example")
    assert not is_loopback("http://[bad")


def test_hosts_are_joined_once_and_without_those_that_httpx_cannot_read() -> None:
    assert join_no_proxy(
        "localhost", "::1", " .corp ,localhost,,[::1], 10.0.0.0/8,fd00::/8,ü.example"
    ) == ("localhost,::1,.corp,10.0.0.0/8")


def test_proxies_come_from_the_environment_before_env_file_in_both_cases(tmp_path: Path) -> None:
    env = (
        "https_proxy=http://lower:1\nHTTP_PROXY=http://file:1\nno_proxy=a\nALL_PROXY=socks5://s:1\n"
    )
    settings = project(
        tmp_path, env=env, environ={"HTTP_PROXY": " http://shell:1 ", "NO_PROXY": "b"}
    )

    assert select_usable(settings.network) == {
        "HTTP_PROXY": "http://shell:1",
        "https_proxy": "http://lower:1",
    }
    assert hosts_without_proxy(settings.network) == "b,a"
    assert str(settings.source_of("HTTP_PROXY")) == "environment variable HTTP_PROXY"


def test_no_proxy_for_every_host_is_no_proxy(tmp_path: Path) -> None:
    settings = project(tmp_path, environ={"HTTP_PROXY": "http://p:1", "NO_PROXY": "a, *"})

    assert select_usable(settings.network) == {}


@pytest.mark.parametrize("scheme", ["http://", ""])
def test_the_password_of_a_proxy_is_masked_everywhere(tmp_path: Path, scheme: str) -> None:
    project(tmp_path, environ={"https_proxy": f"{scheme}me:pa55-of-the-proxy@proxy:3128"})

    assert "pa55" not in mask("cannot log in with pa55-of-the-proxy")
    assert "proxy:3128" in mask("proxy:3128 refuses")
