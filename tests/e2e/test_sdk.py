"""The OpenAI SDK against the gateway: calls of every kind, which name their component in metadata.

Usage, traces and reconcile must count the same calls, without any change in the client.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import openai
import pytest

from tests.e2e.conftest import Project

MESSAGES: Any = [{"role": "user", "content": "Hello"}]
TOOLS: Any = [{"type": "function", "function": {"name": "look_up", "parameters": {}}}]
FAILS: Any = {"model": "say-500", "messages": MESSAGES}
ANSWERED = {
    *(
        "sync",
        "stream",
        "tools",
        "responses",
        "responses-stream",
        "embeddings",
        "flaky",
        "fallback",
    ),
    *("async", "async-stream", "async-responses", "async-embeddings", "header", "tagged"),
}
FAILED = {"fails", "fails-stream", "fails-responses", "fails-embeddings"}
REFUSED = {"unknown-model", "offline-embeddings"}


def named(component: str, **fields: Any) -> Any:
    """What names the component of a call, as any client can."""
    return {"metadata": {"component": component, "operation": "draft"}, **fields}


def call_sync(client: openai.OpenAI) -> None:
    chat, responses, embeddings = client.chat.completions, client.responses, client.embeddings
    relay: Any = {"model": "relay", "messages": MESSAGES}
    chat.create(**relay, extra_body=named("sync"))
    list(chat.create(**relay, stream=True, extra_body=named("stream")))
    called = chat.create(**relay, tools=TOOLS, extra_body=named("tools"))
    assert called.choices[0].message.tool_calls[0].function.name == "look_up"
    responses.create(model="relay", input="Hello", metadata=named("responses")["metadata"])
    list(responses.create(model="relay", input="Hello", stream=True,
                          extra_body=named("responses-stream")))  # fmt: skip
    embeddings.create(model="relay", input="Hello", extra_body=named("embeddings"))
    chat.create(model="flaky", messages=MESSAGES, extra_body=named("flaky"))
    chat.create(**FAILS, extra_body=named("fallback", fallbacks=["relay"]))
    header = {"x-gatewayctl-component": "header", "x-gatewayctl-operation": "draft"}
    chat.create(**relay, extra_headers=header)
    tags = {"tags": ["component:tagged", "op:draft"]}
    chat.create(**relay, extra_body={"metadata": {**named("tagged")["metadata"], **tags}})


async def call_async(client: openai.AsyncOpenAI) -> None:
    relay: Any = {"model": "relay", "messages": MESSAGES}
    async with client:
        await client.chat.completions.create(**relay, extra_body=named("async"))
        stream: Any = await client.chat.completions.create(
            **relay, stream=True, extra_body=named("async-stream")
        )
        assert [chunk async for chunk in stream]
        await client.responses.create(
            model="relay", input="Hello", extra_body=named("async-responses")
        )
        await client.embeddings.create(
            model="relay", input="Hello", extra_body=named("async-embeddings")
        )


def fail(client: openai.OpenAI, stranger: openai.OpenAI) -> None:
    chat = client.chat.completions
    failing: list[tuple[type[Exception], Callable[[], object]]] = [
        (openai.InternalServerError, lambda: chat.create(**FAILS, extra_body=named("fails"))),
        (openai.InternalServerError,
         lambda: chat.create(**FAILS, stream=True, extra_body=named("fails-stream"))),
        (openai.InternalServerError,
         lambda: client.responses.create(
             model="say-500", input="Hello", extra_body=named("fails-responses"))),
        (openai.InternalServerError,
         lambda: client.embeddings.create(
             model="say-500", input="Hello", extra_body=named("fails-embeddings"))),
        (openai.BadRequestError,
         lambda: chat.create(
             model="nosuch", messages=MESSAGES, extra_body=named("unknown-model"))),
        (openai.AuthenticationError,
         lambda: stranger.chat.completions.create(
             model="relay", messages=MESSAGES, extra_body=named("wrong-key"))),
    ]  # fmt: skip
    for kind, call in failing:
        with pytest.raises(kind):
            call()
    # LiteLLM would return the fixed text as an embedding, which the SDK cannot decode.
    with pytest.raises(openai.BadRequestError, match="fixed answer"):
        client.embeddings.create(
            model="demo", input="Hello", extra_body=named("offline-embeddings")
        )


@pytest.fixture(scope="module")
def began(stack: Project) -> str:
    """Make every call, and wait until the spend logs have them. Returns when that began."""
    known: Any = {"base_url": f"{stack.gateway_url}/v1", "max_retries": 0}
    key = stack.secrets()["LITELLM_API_KEY"]
    for last in (False, False, True):
        # LiteLLM takes whole seconds: an earlier test's call must not be in this one.
        time.sleep(1)
        began = datetime.now(UTC).isoformat()
        try:
            with (
                openai.OpenAI(**known, api_key=key) as client,
                openai.OpenAI(**known, api_key="sk-of-nobody-0123456789") as stranger,
            ):
                call_sync(client)
                asyncio.run(call_async(openai.AsyncOpenAI(**known, api_key=key)))
                fail(client, stranger)
            break
        except openai.InternalServerError as error:
            # LiteLLM 1.108.14 rarely loses a variable of its own (_internal_context.py, _restore).
            if last or "ContextVar name='service_target'" not in str(error):
                raise
    until = time.monotonic() + 60
    wanted = len(ANSWERED | FAILED | REFUSED) + 1
    while stack.data("usage", "--since", began)["total"]["requests"] < wanted:
        assert time.monotonic() < until
        time.sleep(1)
    return began


def test_usage_counts_every_call_for_its_component(stack: Project, began: str) -> None:
    rows = stack.data("usage", "--since", began)["rows"]

    counted = {row["name"]: (row["requests"], row["errors"]) for row in rows}
    # Whoever has no valid key can name any component.
    assert counted.pop(None) == (1, 1)
    assert counted == {
        **dict.fromkeys(ANSWERED, (1, 0)),
        **dict.fromkeys(FAILED | REFUSED, (1, 1)),
    }
    operations = stack.data("usage", "--by", "operation", "--since", began)["rows"]
    assert {row["name"] for row in operations} - {None} == {f"{name}/draft" for name in counted}


def test_usage_and_the_traces_agree_on_calls_and_tokens(stack: Project, began: str) -> None:
    rows = stack.data("usage", "--since", began)["rows"]
    calls = stack.data("trace", "list", "--since", began, "--limit", "1000")["calls"]

    attempts: dict[str, list[dict[str, Any]]] = {}
    for call in calls:
        attempts.setdefault(call["component"], []).append(call)
    assert set(attempts) == ANSWERED | FAILED
    assert {name: len({call["call_id"] for call in made}) for name, made in attempts.items()} == (
        dict.fromkeys(ANSWERED | FAILED, 1)
    )
    answers = {name: made[0] for name, made in attempts.items()}
    assert {name for name, call in answers.items() if call["status"] == "ok"} == ANSWERED
    tokens = {row["name"]: row["total_tokens"] for row in rows if row["name"] in ANSWERED}
    assert {name: answers[name]["tokens"] for name in ANSWERED} == tokens


def test_reconcile_finds_no_gap(stack: Project, began: str) -> None:
    report = stack.data("usage", "reconcile", "--since", began, "--settle", "0")

    assert (report["matched"], report["differing"]) == (len(ANSWERED | FAILED), 0)
    # The wrong key, the unknown model, and the embedding of an offline model.
    assert report["refused"] == len(REFUSED) + 1
    known = {each["cause"]: each["calls"] for each in report["known"]}
    assert known == {"failed_call_tokens": len(FAILED)}


@pytest.mark.parametrize(
    ("component", "retries", "fallbacks"),
    [("flaky", 1, []), ("fallback", 0, ["relay"]), ("fails", 0, []), ("sync", 0, [])],
)
def test_the_trace_of_each_is_verified(
    stack: Project, began: str, component: str, retries: int, fallbacks: list[str]
) -> None:
    listed = stack.data("trace", "list", "--component", component, "--since", began)["calls"]

    result = stack.data("trace", "verify", listed[0]["trace_id"])

    assert (result["verdict"], result["retries"], result["fallbacks"]) == (
        "verified",
        retries,
        fallbacks,
    )


def test_a_chat_that_was_retried_is_verified(stack: Project) -> None:
    data = stack.data("chat", "--model", "flaky", "--component", "passthrough", "--verify", "hello")

    assert (data["verified"], data["retries"], data["fallback"]) == (True, 1, None)
