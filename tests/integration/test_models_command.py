from __future__ import annotations

import json
from pathlib import Path

import httpx
import pytest
import respx
from typer.testing import CliRunner, Result

from gatewayctl.cli.app import app
from gatewayctl.cli.context import Overrides
from tests.fakes.litellm import FakeLiteLLM, error
from tests.fakes.projects import MASTER_KEY


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OPENAI_API_KEY", "LITELLM_MASTER_KEY", "GATEWAYCTL_JSON"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / ".env").write_text(f"LITELLM_MASTER_KEY={MASTER_KEY}\n")
    (tmp_path / "gateway.yaml").write_text("models:\n  gpt-4o: openai/gpt-4o\n")
    return tmp_path


def models(folder: Path, transport: httpx.BaseTransport, *arguments: str) -> Result:
    return CliRunner().invoke(
        app, ["-C", str(folder), "models", "list", *arguments], obj=Overrides(transport=transport)
    )


def test_list_shows_declared_against_served(folder: Path) -> None:
    fake = FakeLiteLLM(models=("demo", "extra"))

    result = models(folder, fake.transport())

    shown = {line.split()[0]: line for line in result.stdout.splitlines() if line.strip()}
    assert result.exit_code == 0
    assert "not served" in shown["gpt-4o"]
    assert "missing" in shown["gpt-4o"]
    assert "not declared" in shown["extra"]
    assert " ok " in shown["demo"]


def test_list_in_json_has_a_row_for_each_model(folder: Path) -> None:
    fake = FakeLiteLLM(models=("gpt-4o", "demo"))

    result = models(folder, fake.transport(), "--json")

    document = json.loads(result.stdout)
    assert (document["command"], document["status"]) == ("models list", "success")
    assert document["data"]["models"][0] == {
        "model": "gpt-4o",
        "upstream": "openai/gpt-4o",
        "declared": True,
        "served": True,
        "state": "no_provider_key",
        "provider_key": False,
        "check": None,
        "in_database": False,
        "mode": "chat",
        "not_called": None,
    }


def test_a_check_warns_of_the_cost_and_is_exit_7_if_a_model_fails(folder: Path) -> None:
    fake = FakeLiteLLM(models=("gpt-4o", "demo"))

    def answer(request: httpx.Request) -> httpx.Response:
        if b'"gpt-4o"' in request.content:
            return error(401, "litellm.AuthenticationError: OpenAIException - bad key", kind="x")
        return fake._chat(request)

    fake.planted["/v1/chat/completions"] = answer

    result = models(folder, fake.transport(), "--check")

    assert result.exit_code == 7
    assert "providers charge for it" in result.stderr
    assert "failed: upstream_refused" in result.stdout
    assert "gpt-4o: The provider refused the gateway's credentials: bad key" in result.stdout
    assert "answers (" in result.stdout
    assert "1 of 2 models do not answer: gpt-4o." in result.stderr


def test_a_check_in_json_has_both_the_rows_and_the_problem(folder: Path) -> None:
    result = models(folder, FakeLiteLLM(models=("demo",)).transport(), "--check", "--json")

    document = json.loads(result.stdout)
    assert (result.exit_code, document["status"]) == (7, "partial")
    assert document["error"]["code"] == "partly_done"
    assert [row["check"] and row["check"]["ok"] for row in document["data"]["models"]] == [
        None,
        True,
    ]


@pytest.mark.parametrize(
    ("answer", "code", "name"),
    [
        (httpx.ConnectError("Connection refused"), 5, "gateway_unreachable"),
        (httpx.Response(200, text="<html>hello</html>"), 5, "gateway_unreachable"),
        (error(401, "Authentication Error", kind="auth_error"), 6, "master_key_refused"),
    ],
)
def test_a_failing_gateway_has_its_exit_code(
    folder: Path, answer: httpx.Response | Exception, code: int, name: str
) -> None:
    router = respx.MockRouter()
    route = router.get("http://127.0.0.1:4000/v2/model/info")
    route.mock(
        side_effect=answer if isinstance(answer, Exception) else None,
        return_value=None if isinstance(answer, Exception) else answer,
    )

    result = models(folder, httpx.MockTransport(router.handler), "--json")

    assert result.exit_code == code
    assert json.loads(result.stdout)["error"]["code"] == name


def test_a_missing_key_is_the_state_of_its_model_and_has_a_remedy(folder: Path) -> None:
    result = models(folder, FakeLiteLLM(models=("gpt-4o", "demo")).transport())

    shown = {line.split()[0]: line for line in result.stdout.splitlines() if line.strip()}
    assert "no provider key" in shown["gpt-4o"]
    assert " ".join(result.stdout.split()).endswith(
        "Not set: OPENAI_API_KEY. Put the provider's key into .env, then run "
        f"`gatewayctl -C {folder} up`."
    )


def test_a_model_without_a_provider_is_pointed_out(folder: Path) -> None:
    deployment = "{model_name: claude, litellm_params: {model: my-claude}}"
    (folder / "gateway.yaml").write_text(f"litellm: {{model_list: [{deployment}]}}\n")

    result = models(folder, FakeLiteLLM(models=("claude", "demo")).transport())

    assert (
        "Warning: model_list: claude: 'my-claude' names no provider, and LiteLLM may not serve it. "
        "Write provider/my-claude."
    ) in " ".join(result.stdout.split())
