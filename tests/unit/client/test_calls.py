from __future__ import annotations

import subprocess
import sys

import pytest
from opentelemetry.sdk.trace import TracerProvider

from gatewayctl.client.calls import component_call, trace_headers


def test_a_call_has_component_operation_and_their_tags() -> None:
    call = component_call("ingest", "parse", metadata={"tenant": "a"}, tags=("mine",))

    assert call["extra_body"]["metadata"] == {
        "tenant": "a",
        "component": "ingest",
        "operation": "parse",
        "tags": ["mine", "component:ingest", "op:parse"],
    }


def test_outside_a_span_there_is_no_trace_context() -> None:
    assert component_call("ingest")["extra_headers"] == {}


def test_inside_a_span_the_call_joins_its_trace() -> None:
    tracer = TracerProvider(shutdown_on_exit=False).get_tracer("test")
    with tracer.start_as_current_span("work") as span:
        context = span.get_span_context()
        headers = trace_headers()

    expected = f"00-{context.trace_id:032x}-{context.span_id:016x}-"
    assert headers["traceparent"].startswith(expected)


@pytest.mark.parametrize("name", ["", "a b", "x,y", "op:x", "-x", "ü"])
def test_a_name_that_filters_do_not_support_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="not a valid name of a component or an operation"):
        component_call(name)
    with pytest.raises(ValueError, match="not a valid name of a component or an operation"):
        component_call("ingest", name)


@pytest.mark.parametrize("name", ["component", "operation", "tags"])
def test_metadata_cannot_contradict_the_component(name: str) -> None:
    with pytest.raises(ValueError, match=f"must not set {name}"):
        component_call("ingest", metadata={name: "x"})


def test_importing_the_client_loads_no_heavy_library() -> None:
    heavy = ("typer", "rich", "httpx", "openai", "opentelemetry", "python_on_whales", "docker")
    code = (
        "import sys; from gatewayctl.client.calls import component_call; component_call('a');"
        f"print([name for name in {heavy!r} if name in sys.modules],"
        " [name for name in sys.modules if name.startswith('gatewayctl.')])"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )

    assert result.stdout.strip() == "[] ['gatewayctl.client', 'gatewayctl.client.calls']"
