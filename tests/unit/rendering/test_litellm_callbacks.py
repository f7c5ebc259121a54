"""The file that LiteLLM imports from beside its configuration, with LiteLLM faked."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from tests.fakes.callbacks_module import Tracer, fake_litellm, run_callbacks


@pytest.fixture
def litellm(monkeypatch: pytest.MonkeyPatch) -> Any:
    return fake_litellm(monkeypatch)


@pytest.fixture
def module(litellm: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    assert litellm is not None
    return run_callbacks(tmp_path, monkeypatch)


def call(module: dict[str, Any], data: dict[str, Any], call_type: str = "acompletion") -> Any:
    """What the callback hands back to LiteLLM."""
    return asyncio.run(module["no_housekeeping"].async_pre_call_hook(None, None, data, call_type))


def received(
    metadata: dict[str, Any], headers: dict[str, str] | None = None, *, bucket: str = "metadata"
) -> dict[str, Any]:
    """A request as LiteLLM hands it to its callbacks."""
    copied = {**metadata, "requester_metadata": dict(metadata)}
    return {bucket: copied, "proxy_server_request": {"headers": headers or {}}}


def test_litellms_tracer_never_traces_its_housekeeping(
    litellm: Any, module: dict[str, Any]
) -> None:
    assert "no_housekeeping" in module

    litellm.service_callback.append(Tracer())
    litellm.service_callback.append("datadog")

    assert litellm.service_callback == ["prometheus", "datadog"]


@pytest.mark.parametrize("bucket", ["metadata", "litellm_metadata"])
def test_the_component_in_metadata_becomes_a_tag_beside_those_that_are_there(
    module: dict[str, Any], bucket: str
) -> None:
    sent = {"component": "shop", "operation": "draft", "tags": ["mine"]}

    data = call(module, received(sent, bucket=bucket))

    assert data[bucket]["tags"] == ["mine", "component:shop", "op:draft"]


@pytest.mark.parametrize(
    ("metadata", "headers"),
    [
        ({"component": "shop", "operation": "draft"}, {}),
        ({}, {"x-gatewayctl-component": "shop", "x-gatewayctl-operation": "draft"}),
        ({"tags": ["component:shop", "op:draft"]}, {}),
        # What the call itself says is more exact than the header of its client.
        (
            {"component": "shop", "operation": "draft"},
            {"x-gatewayctl-component": "other", "x-gatewayctl-operation": "other"},
        ),
        # Values that cannot be names are ignored.
        (
            {"component": ["x"], "operation": " "},
            {"x-gatewayctl-component": "shop", "x-gatewayctl-operation": "draft"},
        ),
    ],
)
def test_traces_and_spend_logs_name_the_same_component(
    module: dict[str, Any], metadata: dict[str, Any], headers: dict[str, str]
) -> None:
    found = call(module, received(metadata, headers))["metadata"]

    sent = found["requester_metadata"]
    assert (sent["component"], sent["operation"]) == ("shop", "draft")
    assert found["tags"] == ["component:shop", "op:draft"]


def test_a_call_without_a_component_stays_without(module: dict[str, Any]) -> None:
    found = call(module, received({"ticket": "7"}))["metadata"]

    assert (found["requester_metadata"], found["tags"]) == ({"ticket": "7"}, [])


def test_tags_that_are_no_list_become_one(module: dict[str, Any]) -> None:
    assert call(module, received({"tags": "mine"}))["metadata"]["tags"] == ["mine"]


def test_a_request_without_metadata_passes_unchanged(module: dict[str, Any]) -> None:
    assert call(module, {"metadata": "no mapping"}) == {"metadata": "no mapping"}


def test_no_tag_is_added_where_tags_select_the_deployment(
    litellm: Any, module: dict[str, Any]
) -> None:
    litellm.router.enable_tag_filtering = True

    assert call(module, received({"component": "shop"}))["metadata"]["tags"] == []


@pytest.mark.parametrize(
    ("context", "marked"),
    [
        (f"00-{'a' * 32}-{'b' * 16}-00", True),
        (f"00-{'a' * 32}-{'b' * 16}-01", False),
        ("", False),
        ("nonsense", False),
    ],
)
def test_a_call_that_is_not_sampled_is_marked_in_the_spend_log(
    module: dict[str, Any], context: str, marked: bool
) -> None:
    sent = {"spend_logs_metadata": {"mine": 1}}

    found = call(module, received(sent, {"traceparent": context}))["metadata"]

    assert found["spend_logs_metadata"] == {"mine": 1} | (
        {"trace_sampled": False} if marked else {}
    )


@pytest.mark.parametrize(
    ("model", "call_type", "stream", "served"),
    [
        ("demo", "acompletion", True, True),
        ("demo", "aresponses", False, True),
        ("demo", "aresponses", True, False),
        ("demo", "anthropic_messages", True, False),
        ("demo", "aembedding", False, False),
        ("demo", "image_generation", False, False),
        ("mixed", "aembedding", False, True),
        ("gpt-4o", "aembedding", False, True),
        ("unknown", "aembedding", False, True),
    ],
)
def test_a_model_with_a_fixed_answer_serves_chats_only(
    module: dict[str, Any], model: str, call_type: str, stream: bool, served: bool
) -> None:
    data = {**received({}), "model": model, "stream": stream}

    answer = call(module, data, call_type)

    # LiteLLM refuses with status 400 if a callback returns a string.
    assert (answer == data) if served else ("has a fixed answer" in answer)
