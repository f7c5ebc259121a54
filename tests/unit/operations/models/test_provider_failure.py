from __future__ import annotations

from pathlib import Path

import pytest

from gatewayctl.errors import (
    GatewayctlError,
    RuntimeUnavailable,
    UnknownModel,
    UpstreamRefused,
    UpstreamUnreachable,
)
from gatewayctl.operations.models.provider_failure import (
    advise_provider_key,
    explain_provider_failure,
)
from gatewayctl.settings.model import Settings
from tests.fakes.projects import project

YAML = """\
runtime: {runtime}
models:
  local: {{model: openai/llama, api_base: 'http://127.0.0.1:11434/v1',
           api_key_env: none}}
  cloud: {{model: openai/gpt, api_key_env: CLOUD_KEY}}
"""
LOG = """\
ERROR: Exception occured - litellm_call_id=other - Connection error.
ConnectionRefusedError: [Errno 111] Connect call failed ('127.0.0.1', 1)
ERROR: Exception occured - litellm_call_id=mine - Connection error.
socket.gaierror: [Errno -2] Name or service not known
ERROR: Exception occured - litellm_call_id=later - Connection error.
ssl.SSLCertVerificationError: [SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed
"""


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return project(tmp_path, YAML.format(runtime="embedded"))


def unreachable(call_id: str | None = "mine") -> UpstreamUnreachable:
    error = UpstreamUnreachable("The provider cannot be reached.")
    error.call_id = call_id
    return error


def key_refused() -> UpstreamRefused:
    error = UpstreamRefused("The provider refused the gateway's credentials (401): no", hint="h")
    error.finding = "provider_key_refused"
    return error


def test_the_cause_is_the_one_in_the_log_of_that_call(settings: Settings) -> None:
    error = explain_provider_failure(unreachable(), "local", settings, lambda: LOG)

    assert isinstance(error, UpstreamUnreachable)
    assert error.message == (
        "The provider cannot be reached: its host name cannot be resolved."
        " local is served by openai/llama at http://127.0.0.1:11434/v1."
    )
    assert "DNS" in error.hint


def test_a_log_that_is_late_is_read_again(settings: Settings) -> None:
    logs = iter(["", "litellm_call_id=mine - Connection error.\nTraceback", LOG])
    pauses: list[float] = []

    error = explain_provider_failure(
        unreachable(), "local", settings, lambda: next(logs), sleep=pauses.append
    )

    assert "cannot be resolved" in error.message
    assert len(pauses) == 2


def no_engine() -> str:
    raise RuntimeUnavailable("no engine")


@pytest.mark.parametrize("call_id", ["mine", None])
def test_without_a_log_the_address_is_still_there(settings: Settings, call_id: str | None) -> None:
    error = explain_provider_failure(unreachable(call_id), "local", settings, no_engine)

    assert error.message.startswith("The provider cannot be reached. local is served by openai/")


@pytest.mark.parametrize(
    ("model", "hint"),
    [
        ("local", "declares no key for this model: set its api_key_env:"),
        ("cloud", "into .env as CLOUD_KEY"),
        ("other", "h"),
    ],
)
def test_the_hint_about_a_key_fits_the_model(settings: Settings, model: str, hint: str) -> None:
    error = explain_provider_failure(key_refused(), model, settings)

    assert hint in error.hint
    assert (error.code, error.finding) == ("upstream_refused", "provider_key_refused")


def test_a_model_without_an_address_is_named_by_its_provider(settings: Settings) -> None:
    error = explain_provider_failure(key_refused(), "cloud", settings)

    assert error.message.endswith("(401): no. cloud is served by openai/gpt.")


def test_in_a_container_a_loopback_address_is_explained(tmp_path: Path) -> None:
    docker = project(tmp_path, YAML.format(runtime="docker"))

    error = explain_provider_failure(unreachable(), "local", docker, lambda: LOG)

    assert "write api_base: http://host.docker.internal:11434/v1" in error.hint
    assert error.finding == "provider_on_loopback"


@pytest.mark.parametrize(
    ("model", "environ", "proxy"),
    [
        ("cloud", {"HTTPS_PROXY": "http://me:pa55word@p:3128"}, "http://me:…@p:3128 (HTTPS_PROXY"),
        ("cloud", {"all_proxy": "p:1"}, "p:1 (all_proxy, from environment variable all_proxy)"),
        ("cloud", {"HTTP_PROXY": "http://p:1"}, None),
        ("cloud", {"HTTPS_PROXY": "http://p:1", "NO_PROXY": "*"}, None),
        ("local", {"HTTP_PROXY": "http://p:1"}, None),
        ("inside", {"HTTP_PROXY": "http://p:1", "no_proxy": ".corp"}, None),
        ("inside", {"HTTP_PROXY": "http://p:1"}, "http://p:1 (HTTP_PROXY"),
    ],
)
def test_a_proxy_on_the_way_to_the_provider_is_named(
    tmp_path: Path, model: str, environ: dict[str, str], proxy: str | None
) -> None:
    yaml = YAML + "  inside: {{model: openai/x, api_base: 'http://llm.corp/v1'}}\n"
    settings = project(tmp_path, yaml.format(runtime="embedded"), environ=environ)

    error = explain_provider_failure(unreachable(None), model, settings)

    assert ("through the proxy" in error.message) == (proxy is not None)
    assert ("NO_PROXY" in error.hint) == (proxy is not None)
    assert (proxy or "") in error.message


def test_a_server_of_this_machine_that_a_container_cannot_reach_has_to_listen_there(
    tmp_path: Path,
) -> None:
    yaml = YAML.format(runtime="docker").replace("127.0.0.1", "host.docker.internal")

    error = explain_provider_failure(unreachable(), "local", project(tmp_path, yaml), lambda: LOG)

    assert "On Linux the server must also listen beyond loopback" in error.hint
    assert error.finding is None


def test_another_error_is_returned_unchanged(settings: Settings) -> None:
    error: GatewayctlError = UnknownModel("no")

    assert explain_provider_failure(error, "local", settings) is error


PUT = "Put the provider's real key into .env as OPENAI_API_KEY"


@pytest.mark.parametrize(
    ("env", "environ", "advice"),
    [
        (
            "OPENAI_API_KEY=sk-a\n",
            {},
            f"{PUT}, then",
        ),
        (
            "",
            {"OPENAI_API_KEY": "sk-b"},
            f"{PUT}, run `unset OPENAI_API_KEY`, then",
        ),
        (
            "OPENAI_API_KEY=sk-a\n",
            {"OPENAI_API_KEY": "sk-b"},
            "Run `unset OPENAI_API_KEY`, which overrides .env line 1, then",
        ),
    ],
)
def test_the_advice_about_a_key_is_for_the_place_where_it_is_set(
    tmp_path: Path, env: str, environ: dict[str, str], advice: str
) -> None:
    settings = project(tmp_path, env=env, environ=environ)

    found = advise_provider_key("OPENAI_API_KEY", settings)

    assert found == f"{advice} `gatewayctl restart litellm`."
