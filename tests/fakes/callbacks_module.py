"""The file that LiteLLM imports from beside its configuration, run with LiteLLM faked."""

from __future__ import annotations

import runpy
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from opentelemetry.sdk.trace import TracerProvider

from gatewayctl.rendering.plan import plan_files
from tests.fakes.projects import project

OFFLINE = [{"litellm_params": {"mock_response": "Fixed."}}]
ONLINE = [{"litellm_params": {"model": "openai/gpt-4o"}}]


class Tracer:
    """Stands for LiteLLM's OpenTelemetry logger: only its module counts."""

    __module__ = "litellm.integrations.otel.logger"


def fake_litellm(monkeypatch: pytest.MonkeyPatch) -> Any:
    """LiteLLM as far as the file touches it."""
    names = (
        "litellm",
        "litellm.integrations",
        "litellm.integrations.custom_logger",
        "litellm.proxy",
        "litellm.proxy.proxy_server",
    )
    modules: dict[str, Any] = {name: ModuleType(name) for name in names}
    for name, module in modules.items():
        monkeypatch.setitem(sys.modules, name, module)
    modules["litellm"].service_callback = ["prometheus", Tracer()]
    modules["litellm.integrations.custom_logger"].CustomLogger = type("CustomLogger", (), {})
    models = {"demo": OFFLINE, "gpt-4o": ONLINE, "mixed": OFFLINE + ONLINE}
    router = SimpleNamespace(get_model_list=models.get, enable_tag_filtering=False)
    proxy_server = modules["litellm.proxy.proxy_server"]
    proxy_server.llm_router = modules["litellm"].router = router
    modules["litellm.proxy"].proxy_server = proxy_server
    return modules["litellm"]


def run_callbacks(
    folder: Path, monkeypatch: pytest.MonkeyPatch, gateway_yaml: str = ""
) -> dict[str, Any]:
    """Render the file for a project and run it; what it changes in the SDK is undone later."""
    add = TracerProvider.add_span_processor
    monkeypatch.setattr(TracerProvider, "add_span_processor", add)
    rendered, _ = plan_files(project(folder, gateway_yaml), runtime="embedded")
    path = folder / rendered.path
    path.write_text(rendered.content)
    return runpy.run_path(str(path))
