from __future__ import annotations

from collections.abc import Generator
from pathlib import Path
from typing import Any

import httpx
import pytest

from gatewayctl.errors import GatewayUnreachable, PartlyDone
from gatewayctl.operations.models.list import ModelsListReport, list_models
from gatewayctl.runtimes.base import Progress
from tests.fakes.answers import refuse_connection
from tests.fakes.litellm import FakeLiteLLM, error, served
from tests.fakes.projects import MASTER_KEY, project

CONFIG = "models:\n  gpt-4o: openai/gpt-4o\n  local: {model: ollama/llama3}\n"


def drive(
    events: Generator[Progress, None, ModelsListReport],
) -> tuple[list[Progress], ModelsListReport]:
    seen: list[Progress] = []
    while True:
        try:
            seen.append(next(events))
        except StopIteration as done:
            return seen, done.value


def look(
    folder: Path, fake: FakeLiteLLM, *, call: bool = False, values: str = ""
) -> tuple[list[Progress], ModelsListReport]:
    settings = project(folder, CONFIG, env=f"LITELLM_MASTER_KEY={MASTER_KEY}\n{values}")
    ticks = iter(range(100))
    with served(fake) as gateway:
        return drive(list_models(settings, gateway, call=call, clock=lambda: next(ticks)))


def test_declared_models_are_joined_with_those_served(tmp_path: Path) -> None:
    _, report = look(tmp_path, FakeLiteLLM(models=("demo", "gpt-4o", "extra")))

    assert [(row.model, row.declared, row.served, row.state) for row in report.models] == [
        ("gpt-4o", True, True, "no_provider_key"),
        ("local", True, False, "not_served"),
        ("demo", True, True, "ok"),
        ("extra", False, True, "not_declared"),
    ]
    assert (report.checked, report.problem) == (False, None)


def test_a_row_tells_whether_the_providers_key_is_set(tmp_path: Path) -> None:
    _, without = look(tmp_path, FakeLiteLLM())
    _, with_key = look(tmp_path, FakeLiteLLM(), values="OPENAI_API_KEY=sk-proj-0123456789\n")

    assert [row.provider_key for row in without.models] == [False, None, None]
    assert [row.provider_key for row in with_key.models] == [True, None, None]
    assert (without.missing_keys, with_key.missing_keys) == (("OPENAI_API_KEY",), ())
    assert [row.state for row in without.models][:2] == ["no_provider_key", "not_served"]


def test_without_a_check_no_model_is_called(tmp_path: Path) -> None:
    fake = FakeLiteLLM()

    events, _ = look(tmp_path, fake)

    assert (events, fake.paths()) == ([], ["/v2/model/info", "/v1/model/deprecations"])


def refusing_one(fake: FakeLiteLLM, name: str) -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        if f'"{name}"'.encode() in request.content:
            return error(429, "litellm.RateLimitError: OpenAIException - slow down", kind="x")
        return fake._chat(request)

    fake.planted["/v1/chat/completions"] = answer


def test_a_check_calls_each_served_model_and_reports_the_reason_of_each_failure(
    tmp_path: Path,
) -> None:
    fake = FakeLiteLLM(models=("gpt-4o", "demo"))
    refusing_one(fake, "gpt-4o")

    events, report = look(tmp_path, fake, call=True)

    outcomes: dict[str, Any] = {
        row.model: None if row.check is None else (row.check.ok, row.check.code)
        for row in report.models
    }
    assert outcomes == {"gpt-4o": (False, "upstream_refused"), "local": None, "demo": (True, None)}
    assert [(event.subject, event.state) for event in events] == [
        ("gpt-4o", "working"),
        ("gpt-4o", "failed"),
        ("demo", "working"),
        ("demo", "ready"),
    ]
    assert report.models[0].check is not None
    assert "slow down" in (report.models[0].check.reason or "")
    assert report.models[0].check.latency_ms == 1000


def test_a_model_that_does_not_answer_makes_it_partly_done(tmp_path: Path) -> None:
    fake = FakeLiteLLM(models=("gpt-4o", "demo"))
    refusing_one(fake, "gpt-4o")

    _, report = look(tmp_path, fake, call=True)

    assert isinstance(report.problem, PartlyDone)
    assert report.problem.message == "2 of 3 models do not answer: gpt-4o, local."


def test_no_problem_if_all_models_answer(tmp_path: Path) -> None:
    _, report = look(tmp_path, FakeLiteLLM(models=("gpt-4o", "local", "demo")), call=True)

    assert report.problem is None


def test_an_unreachable_gateway_is_an_error(tmp_path: Path) -> None:
    fake = FakeLiteLLM()
    fake.planted["/v2/model/info"] = refuse_connection

    with pytest.raises(GatewayUnreachable):
        look(tmp_path, fake)
