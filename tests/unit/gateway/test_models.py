from __future__ import annotations

import httpx
import pytest

from gatewayctl.errors import GatewayRefused, GatewayUnreachable, UpstreamRefused
from gatewayctl.gateway.deprecations import Deprecation, list_deprecations
from gatewayctl.gateway.models import (
    ServedModel,
    create_model,
    delete_model,
    list_served_models,
    probe_model,
)
from gatewayctl.settings.model import Secret
from tests.fakes import litellm
from tests.fakes.litellm import FakeLiteLLM
from tests.fakes.projects import MASTER_KEY

MASTER = Secret(MASTER_KEY)


def test_deployments_of_one_name_are_one_model_group() -> None:
    fake = FakeLiteLLM()
    rows = [
        {"model_name": "fast", "litellm_params": {"model": "openai/a"}},
        {"model_name": "slow", "litellm_params": {"model": "openai/c"}},
        {"model_name": "fast", "litellm_params": {"model": "azure/b"}},
        {"model_name": "fast", "litellm_params": {"model": "openai/a"}, "model_info": {"id": "4"}},
        {"model_name": "near", "model_info": {"id": "5", "mode": "embedding"}},
    ]
    fake.planted["/v2/model/info"] = lambda _: httpx.Response(200, json={"data": rows})

    with litellm.served(fake) as gateway:
        groups = list_served_models(gateway, MASTER)

    found = {group.name: (group.upstreams, len(group.deployments), group.mode) for group in groups}
    assert found == {
        "fast": (("openai/a", "azure/b"), 3, "chat"),
        "slow": (("openai/c",), 1, "chat"),
        "near": (("",), 1, "embedding"),
    }


def test_a_list_of_another_shape_is_an_error() -> None:
    fake = FakeLiteLLM()
    fake.planted["/v2/model/info"] = lambda _: httpx.Response(200, json={"data": "none"})

    with litellm.served(fake) as gateway, pytest.raises(GatewayRefused, match="list of models"):
        list_served_models(gateway, MASTER)


def test_a_model_is_created_with_its_id_and_deleted_by_it() -> None:
    fake = FakeLiteLLM()

    with litellm.served(fake) as gateway:
        create_model(gateway, MASTER, name="m", number="id-1", params={"model": "openai/x"})
        (stored,) = fake.stored
        delete_model(gateway, MASTER, "id-1")
        with pytest.raises(GatewayRefused, match="not found"):
            delete_model(gateway, MASTER, "id-1")

    assert (stored["model_name"], stored["model_info"]["id"]) == ("m", "id-1")
    assert stored["litellm_params"] == {"model": "openai/x"}
    assert fake.stored == ()


def test_a_model_is_not_created_where_nothing_answers() -> None:
    def refuse(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("refused")

    fake = FakeLiteLLM()
    fake.planted["/model/new"] = refuse

    with litellm.served(fake) as gateway, pytest.raises(GatewayUnreachable):
        create_model(gateway, MASTER, name="m", number="id-1", params={})


def test_a_check_is_one_small_call_without_retries() -> None:
    fake = FakeLiteLLM()

    with litellm.served(fake) as gateway:
        probe_model(gateway, MASTER, "demo")

    body = fake.sent("/v1/chat/completions")
    assert len(fake.requests) == 1
    assert (body["model"], body["max_tokens"], body["num_retries"]) == ("demo", 16, 0)
    # Spend logs have the call, so its spans must not be suppressed.
    assert "traceparent" not in fake.requests[0].headers


def test_a_providers_refusal_is_not_a_refused_master_key() -> None:
    fake = FakeLiteLLM()
    fake.planted["/v1/chat/completions"] = lambda _: litellm.error(
        401, "litellm.AuthenticationError: OpenAIException - no", kind="authentication_error"
    )

    with litellm.served(fake) as gateway, pytest.raises(UpstreamRefused, match="credentials"):
        probe_model(gateway, MASTER, "demo")


def test_an_answer_without_a_completion_is_an_error() -> None:
    fake = FakeLiteLLM()
    fake.planted["/v1/chat/completions"] = lambda _: httpx.Response(200, json={"choices": []})

    with litellm.served(fake) as gateway, pytest.raises(GatewayRefused, match="choices"):
        probe_model(gateway, MASTER, "demo")


@pytest.mark.parametrize(
    ("mode", "path", "answer"),
    [
        ("completion", "/v1/completions", "choices"),
        ("responses", "/v1/responses", "output"),
        ("embedding", "/v1/embeddings", "data"),
        ("rerank", "/v1/rerank", "results"),
        ("moderation", "/v1/moderations", "results"),
    ],
)
def test_each_kind_is_called_at_its_endpoint_and_not_answered_by_another_model_or_the_cache(
    mode: str, path: str, answer: str
) -> None:
    fake = FakeLiteLLM()
    fake.planted[path] = lambda _: httpx.Response(200, json={answer: [{}]})

    with litellm.served(fake) as gateway:
        probe_model(gateway, MASTER, "model", mode=mode)

    body = fake.sent(path)
    assert (body["model"], body["disable_fallbacks"], body["num_retries"]) == ("model", True, 0)
    assert body["cache"] == {"no-cache": True, "no-store": True}


@pytest.mark.parametrize(
    ("name", "mode", "why"),
    [
        ("gpt-4o", "chat", None),
        ("dall-e-3", "image_generation", "image_generation"),
        ("whisper", "audio_transcription", "audio_transcription"),
        ("openai/*", "chat", "wildcard"),
    ],
)
def test_expensive_kinds_and_wildcards_are_not_called(
    name: str, mode: str, why: str | None
) -> None:
    assert ServedModel(name=name, deployments=(), mode=mode).uncallable == why


def test_deprecated_models_are_listed_with_their_date() -> None:
    fake = FakeLiteLLM()
    row = {"model_name": "old", "deprecation_date": "2026-12-11"}
    answer = {"deprecated": [], "imminent": [row], "upcoming": [row]}
    fake.planted["/v1/model/deprecations"] = lambda _: httpx.Response(200, json=answer)

    with litellm.served(fake) as gateway:
        found = list_deprecations(gateway, MASTER)

    assert found == (Deprecation(model="old", date="2026-12-11"),)
