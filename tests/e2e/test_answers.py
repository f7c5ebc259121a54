"""How LiteLLM got an answer: chat reports it; traces, spend logs and their comparison know it."""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.e2e.conftest import Project
from tests.e2e.routing import CACHED, GUARDED, OF_OTHER_KINDS
from tests.fakes.upstream import Upstream

PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 16


def later(ask: Callable[[], Any], seconds: float = 40) -> Any:
    """The first true answer, or the last one: spend logs come some seconds after the reply."""
    until = time.monotonic() + seconds
    while not (found := ask()) and time.monotonic() < until:
        time.sleep(0.7)
    return found


def test_one_of_several_deployments_answers_and_is_named(stack: Project) -> None:
    chat = stack.data("chat", "--model", "balanced", "--verify", "Which one?")

    assert chat["verified"] is True
    assert (chat["model"], chat["fallback"], chat["cached"]) == ("balanced", None, False)
    assert chat["deployment"] in {"openai/first", "openai/second"}
    assert chat["verification"]["deployments"] == [chat["deployment"]]
    text = stack.run("chat", "--model", "balanced", "Which one?").stderr
    assert "balanced (by openai/" in text


@pytest.mark.parametrize("stream", [True, False])
def test_a_fallback_is_verified_with_the_group_that_was_asked_and_what_answered(
    stack: Project, stream: bool
) -> None:
    words = ("chat", "--model", "backed-up", "--verify", *(() if stream else ("--json",)))
    done = stack.run(*words, f"Fall back, {secrets.token_hex(4)}")

    assert done.returncode == 0, done.stderr
    if stream:
        assert "backed-up (fallback relay)" in done.stderr
        assert "verified, answered by fallback relay" in done.stderr
        return
    chat = json.loads(done.stdout)["data"]
    assert (chat["model"], chat["fallback"], chat["deployment"]) == (
        "backed-up",
        "relay",
        "openai/relay",
    )
    calls = stack.data("trace", "list", "--limit", "20")["calls"]
    mine = [call for call in calls if call["trace_id"] == chat["trace_id"]]
    assert [(call["model"], call["asked"], call["retried"]) for call in mine] == [
        ("relay", "backed-up", False),
        ("backed-up", None, True),
    ]
    usage = stack.data("usage", "--by", "deployment", "--since", "10m")
    assert usage["total"]["fallbacks"] >= 1
    assert "openai/relay" in {row["name"] for row in usage["rows"]}


def test_an_answer_of_the_cache_is_said_verified_listed_and_counted(
    stack: Project, upstream: Upstream
) -> None:
    prompt = f"Remember {secrets.token_hex(8)}"
    words = ("chat", "--model", "relay", *CACHED, "--verify")
    first = stack.data(*words, prompt)
    asked = len(upstream.of_model("relay"))

    streamed = stack.run(*words, prompt)
    again = stack.data(*words, prompt)

    assert (first["cached"], again["cached"]) == (False, True)
    assert (again["verified"], again["deployment"]) == (True, None)
    assert len(upstream.of_model("relay")) == asked + (0 if "cache)" in streamed.stderr else 1)
    # A streamed reply is kept apart from a whole one.
    streamed = stack.run(*words, prompt)
    assert (streamed.returncode, streamed.stdout) == (0, "Hello from upstream.\n")
    assert "relay (answered from the cache)" in streamed.stderr
    assert "verified, answered from the cache" in streamed.stderr
    listed = stack.data("trace", "list", "--limit", "50")["calls"]
    cached = {call["trace_id"]: call["cached"] for call in listed}
    assert (cached[first["trace_id"]], cached[again["trace_id"]]) == (False, True)
    later_verdict = stack.data("trace", "verify", again["trace_id"])
    assert (later_verdict["verdict"], later_verdict["cached"]) == ("verified", 1)
    assert stack.data("usage", "--since", "10m")["total"]["cached"] >= 2


def test_a_guardrail_is_named_and_its_blocks_are_no_gaps(stack: Project) -> None:
    began = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime())
    done = [
        stack.run("chat", "--model", "relay", *GUARDED, "--json", "My number is 123-45-6789"),
        stack.run("chat", "--model", "relay", *GUARDED, "My number is 123-45-6789"),
    ]

    assert [each.returncode for each in done] == [6, 6]
    error = json.loads(done[0].stdout)["error"]
    assert error["code"] == "guardrail_blocked"
    assert error["message"].startswith("A guardrail 'no-numbers' of the gateway blocked")
    assert later(lambda: stack.data("usage", "--since", began)["total"]["blocked"] >= 2)

    def known() -> set[str]:
        data = json.loads(stack.run("usage", "reconcile", "--since", began, "--json").stdout)
        return {each["cause"] for each in data["data"]["known"]}

    assert later(lambda: "guardrail_blocked" in known())


def test_embeddings_of_a_program_without_spans_are_verified(stack: Project) -> None:
    key = stack.secrets()["LITELLM_API_KEY"]
    httpx.post(
        f"{stack.gateway_url}/v1/embeddings",
        headers={"authorization": f"Bearer {key}"},
        json={"model": "near", "input": secrets.token_hex(8)},
        timeout=60,
    ).raise_for_status()

    calls = later(lambda: stack.data("trace", "list", "--model", "near", "--limit", "1")["calls"])

    verdict = stack.data("trace", "verify", calls[0]["trace_id"])
    assert (verdict["verdict"], verdict["deployments"]) == ("verified", ["openai/near"])


def test_a_check_calls_each_kind_at_its_endpoint_and_each_deployment(
    stack: Project, upstream: Upstream
) -> None:
    before, began = len(upstream.requests), time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime())
    done = stack.run("models", "list", "--check", "--json")

    rows = {row["model"]: row for row in json.loads(done.stdout)["data"]["models"]}
    assert {name: rows[name]["mode"] for name in OF_OTHER_KINDS} == OF_OTHER_KINDS
    assert (rows["painter"]["not_called"], rows["painter"]["check"]) == ("image_generation", None)
    assert rows["near"]["check"]["ok"], rows["near"]
    assert rows["sorted"]["check"]["ok"], rows["sorted"]
    assert rows["balanced"]["check"]["ok"]
    assert "1 of 2 deployments failed. openai/say-500" in rows["half-broken"]["check"]["reason"]
    # Its fallback would have answered.
    assert rows["backed-up"]["check"]["code"] == "upstream_refused"
    sent = [seen.body for seen in upstream.requests[before:]]
    assert {body["model"] for body in sent} >= {"first", "second", "near", "sorted"}
    assert not any({"cache", "disable_fallbacks", "num_retries"} & set(body) for body in sent)
    reconcile = ("usage", "reconcile", "--since", began, "--settle", "0")
    assert later(lambda: stack.run(*reconcile).returncode == 0), stack.run(*reconcile).stdout


def test_parameters_tags_and_attachments_reach_the_provider_and_the_spend_logs(
    stack: Project, upstream: Upstream, tmp_path: Path
) -> None:
    (tmp_path / "image.png").write_bytes(PNG)
    (tmp_path / "paper.pdf").write_bytes(b"%PDF-1.7 of a test")
    params = ("--param", "temperature=0.25", "--param", "max_tokens=9", "--param", "stop=END")
    attached = (
        *("--image", str(tmp_path / "image.png"), "--image", "https://example.com/cat.png"),
        *("--file", str(tmp_path / "paper.pdf")),
    )
    tag = f"batch-{secrets.token_hex(4)}"

    chat = stack.data(
        "chat", "--model", "relay", *params, *attached, "--tag", tag, "--verify", "Look"
    )

    assert chat["verified"] is True
    body = upstream.of_model("relay")[-1].body
    assert (body["temperature"], body["max_tokens"], body["stop"]) == (0.25, 9, "END")
    content = body["messages"][-1]["content"]
    assert [part["type"] for part in content] == ["text", "image_url", "image_url", "file"]
    assert content[1]["image_url"]["url"].startswith("data:image/png;base64,")
    assert content[2]["image_url"]["url"] == "https://example.com/cat.png"
    assert content[3]["file"]["file_data"].startswith("data:application/pdf;base64,")
    logs = httpx.get(
        f"{stack.gateway_url}/spend/logs/v2",
        params={
            "start_date": time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(time.time() - 600)),
            "end_date": time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(time.time() + 60)),
            "session_id": chat["trace_id"],
        },
        headers={"authorization": f"Bearer {stack.secrets()['LITELLM_MASTER_KEY']}"},
        timeout=30,
    ).json()["data"]
    assert tag in logs[0]["request_tags"]
