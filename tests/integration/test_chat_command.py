from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
import respx
from typer.testing import CliRunner, Result

from gatewayctl.cli.app import app
from gatewayctl.cli.context import Overrides
from tests.fakes.litellm import FakeLiteLLM, error, event_stream
from tests.fakes.projects import MASTER_KEY

KEY = "sk-app-0123456789abcdef"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / ".env").write_text(f"LITELLM_MASTER_KEY={MASTER_KEY}\nLITELLM_API_KEY={KEY}\n")
    return tmp_path


@pytest.fixture
def fake() -> FakeLiteLLM:
    fake = FakeLiteLLM()
    fake.add(KEY, "litellm-dev")
    return fake


def chat(
    folder: Path, transport: httpx.BaseTransport, *arguments: str, stdin: str | bytes = ""
) -> Result:
    return CliRunner().invoke(
        app,
        ["-C", str(folder), "chat", *arguments],
        input=stdin,
        obj=Overrides(transport=transport),
    )


def test_stdout_contains_only_the_reply(folder: Path, fake: FakeLiteLLM) -> None:
    result = chat(folder, fake.transport(), "hi")

    assert (result.exit_code, result.stdout) == (0, "Hello there.\n")
    lines = result.stderr.splitlines()
    assert lines[0] == "No real key in OPENAI_API_KEY: the offline model demo answers."
    assert lines[1].startswith("trace ")
    assert "passthrough/chat · demo · 12 tokens" in lines[1]


def test_json_is_one_document_with_the_fields_of_the_contract(
    folder: Path, fake: FakeLiteLLM
) -> None:
    result = chat(folder, fake.transport(), "hi", "--json", "--component", "reasoning-agent")

    document = json.loads(result.stdout)
    data = document["data"]
    assert (document["schema"], document["command"], document["status"]) == (
        "gatewayctl/1",
        "chat",
        "success",
    )
    assert data["reply"] == "Hello there."
    assert (data["model"], data["component"], data["operation"]) == (
        "demo",
        "reasoning-agent",
        "step_generation",
    )
    assert len(data["trace_id"]) == 32
    assert data["usage"] == {"prompt_tokens": 5, "completion_tokens": 7, "total_tokens": 12}
    assert data["latency_ms"] >= 0
    assert data["verified"] is None
    assert fake.sent("/v1/chat/completions")["stream"] is False
    assert KEY not in result.output


def test_options_reach_the_request(folder: Path, fake: FakeLiteLLM) -> None:
    result = chat(
        folder,
        fake.transport(),
        "hi",
        *("--model", "gpt-4o", "--system", "Be brief.", "--operation", "smoke"),
        *("--metadata", "team=search", "--metadata", "run=7"),
    )

    body = fake.sent("/v1/chat/completions")
    assert result.exit_code == 0
    assert body["model"] == "gpt-4o"
    assert body["messages"][0] == {"role": "system", "content": "Be brief."}
    assert body["metadata"]["team"] == "search"
    assert body["metadata"]["operation"] == "smoke"
    assert body["metadata"]["routing_path"] == "passthrough"


@pytest.mark.parametrize("arguments", [[], ["-"]])
def test_the_prompt_is_read_from_a_pipe(
    folder: Path, fake: FakeLiteLLM, arguments: list[str]
) -> None:
    result = chat(folder, fake.transport(), *arguments, stdin="line one\nline two\n")

    assert result.exit_code == 0
    messages = fake.sent("/v1/chat/completions")["messages"]
    assert messages == [{"role": "user", "content": "line one\nline two\n"}]


@pytest.mark.parametrize(
    ("arguments", "stdin", "code", "name"),
    [
        ([], "", 2, "empty_prompt"),
        (["  "], "", 2, "empty_prompt"),
        (["-"], b"\xff\xfe", 2, "usage"),
        (["hi", "--component", "undeclared"], "", 2, "unknown_component"),
        (["hi", "--metadata", "x"], "", 2, "usage"),
        (["hi", "--key-env", "LITELLM_MASTER_KEY"], "", 2, "usage"),
        (["hi", "--key-env", "LITELLM_EVAL_KEY"], "", 3, "virtual_key_missing"),
        (["hi", "--model", "nope"], "", 6, "unknown_model"),
        (["hi", "--nonsense"], "", 2, "usage"),
    ],
)
def test_invalid_input_has_the_exit_code_and_error_code_of_the_contract(
    folder: Path,
    fake: FakeLiteLLM,
    arguments: list[str],
    stdin: str | bytes,
    code: int,
    name: str,
) -> None:
    result = chat(folder, fake.transport(), *arguments, "--json", stdin=stdin)

    document = json.loads(result.stdout)
    assert (result.exit_code, document["status"]) == (code, "error")
    assert document["error"]["code"] == name
    assert document["error"]["hint"]


@pytest.mark.parametrize(
    ("failure", "code", "name"),
    [
        (httpx.ConnectError("Connection refused"), 5, "gateway_unreachable"),
        (httpx.ReadTimeout("timed out"), 5, "gateway_timeout"),
    ],
)
def test_an_unreachable_gateway_is_exit_5(
    folder: Path, failure: Exception, code: int, name: str
) -> None:
    router = respx.MockRouter(assert_all_called=False)
    router.post("http://127.0.0.1:4000/v1/chat/completions").mock(side_effect=failure)
    router.post("http://127.0.0.1:6006/v1/traces").mock(side_effect=failure)

    result = chat(folder, httpx.MockTransport(router.handler), "hi", "--json")

    assert result.exit_code == code
    assert json.loads(result.stdout)["error"]["code"] == name


def refusing(kind: str, status: int, message: str) -> Callable[[httpx.Request], httpx.Response]:
    return lambda _: error(status, message, kind=kind)


@pytest.mark.parametrize(
    ("answer", "name"),
    [
        (refusing("token_not_found_in_db", 401, "Authentication Error"), "virtual_key_refused"),
        (refusing("no_db_connection", 400, "No connected db."), "gateway_database_missing"),
        (refusing("x", 401, "litellm.AuthenticationError: no"), "upstream_refused"),
        (refusing("x", 408, "litellm.Timeout: Request timed out."), "upstream_timeout"),
    ],
)
def test_refusals_are_exit_6_with_different_codes(
    folder: Path,
    fake: FakeLiteLLM,
    answer: Callable[[httpx.Request], httpx.Response],
    name: str,
) -> None:
    fake.planted["/v1/chat/completions"] = answer

    result = chat(folder, fake.transport(), "hi", "--json")

    assert result.exit_code == 6
    assert json.loads(result.stdout)["error"]["code"] == name


def test_an_interrupted_reply_is_shown_and_then_explained(folder: Path, fake: FakeLiteLLM) -> None:
    event = {"error": {"message": "litellm.APIConnectionError: boom", "code": "500"}}
    raw = event_stream("Hello ", done=False) + f"data: {json.dumps(event)}\n\n".encode()
    fake.planted["/v1/chat/completions"] = lambda _: httpx.Response(200, content=raw)

    result = chat(folder, fake.transport(), "hi")

    assert (result.exit_code, result.stdout) == (6, "Hello \n")
    assert "boom" in result.stderr


def test_a_trace_that_phoenix_did_not_accept_is_a_warning(folder: Path, fake: FakeLiteLLM) -> None:
    fake.phoenix = lambda _: httpx.Response(503)

    result = chat(folder, fake.transport(), "hi")

    assert (result.exit_code, result.stdout) == (0, "Hello there.\n")
    assert "Warning: The trace is not complete: Phoenix at" in result.stderr


def test_quiet_prints_only_the_reply(folder: Path, fake: FakeLiteLLM) -> None:
    result = CliRunner().invoke(
        app,
        ["-C", str(folder), "-q", "chat", "hi", "--no-stream"],
        obj=Overrides(transport=fake.transport()),
    )

    assert (result.stdout, result.stderr) == ("Hello there.\n", "")


def test_a_prompt_without_quotes_is_a_usage_error_that_says_so(folder: Path) -> None:
    result = CliRunner().invoke(app, ["-C", str(folder), "chat", "Hello", "my", "world"])

    assert result.exit_code == 2
    assert f"Put it in quotes: `gatewayctl -C {folder} chat 'Hello my world'`." in result.stderr
