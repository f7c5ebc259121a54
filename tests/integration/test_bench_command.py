"""The command bench, with a real load on a gateway that adds a known delay."""

from __future__ import annotations

import json
import stat
from collections.abc import Iterator
from xml.etree import ElementTree as ET

import pytest

from tests.fakes.bench_gateway import BenchGateway, serving
from tests.integration.stack_project import Project, document

FAST = ("--requests", "24", "--rounds", "4", "--upstream-latency", "2", "--no-usage")


@pytest.fixture
def gateway(ready: Project) -> Iterator[BenchGateway]:
    """The project with its gateway at a real port."""
    with serving(BenchGateway(litellm=ready.litellm)) as running:
        config = ready.folder / "gateway.yaml"
        config.write_text(f"{config.read_text()}\nports: {{litellm: {running.port}}}\n")
        yield running


def test_the_delay_of_the_gateway_is_its_overhead(ready: Project, gateway: BenchGateway) -> None:
    gateway.delay = 0.03

    data = document(ready.run("bench", *FAST, "--json"))["data"]

    assert data["overhead_ms"]["p50"] >= 29
    assert data["rps"] > 0
    assert (data["gateway"]["requests"], data["error_rate"]) == (24, 0)
    assert data["gateway_reported_ms"]["p50"] == 1.5
    assert data["usage_unavailable"]


def test_model_and_key_exist_only_while_it_measures(ready: Project, gateway: BenchGateway) -> None:
    assert ready.run("bench", *FAST).exit_code == 0

    assert ready.litellm.stored == ()
    assert not [row for row in ready.litellm.keys.values() if "bench" in (row["key_alias"] or "")]
    paths = [path for path in ready.litellm.paths() if path.startswith("/model/")]
    assert paths == ["/model/new", "/model/delete"]
    made = next(r for r in ready.litellm.requests if r.url.path == "/key/generate"
                and b"gatewayctl-bench" in r.content)  # fmt: skip
    assert json.loads(made.content)["duration"] == "1d"


def test_what_a_killed_bench_left_is_removed(ready: Project, gateway: BenchGateway) -> None:
    name = "gatewayctl-bench-shop"
    ready.litellm.stored = (
        {"model_name": name, "litellm_params": {}, "model_info": {"id": "left"}},
        {"model_name": "of-others", "litellm_params": {}, "model_info": {"id": "theirs"}},
    )
    left = ready.litellm.add("sk-left-0123456789", f"{name}-0a0b0c0d")

    assert ready.run("bench", *FAST).exit_code == 0

    assert [row["model_info"]["id"] for row in ready.litellm.stored] == ["theirs"]
    assert left not in ready.litellm.keys


def test_calls_are_of_the_component_bench(ready: Project, gateway: BenchGateway) -> None:
    ready.run("bench", *FAST)

    sent = json.loads(gateway.bodies[-1])
    assert sent["metadata"]["component"] == "bench"
    assert "component:bench" in sent["metadata"]["tags"]


def test_a_slower_gateway_ends_with_7_and_the_same_one_with_0(
    ready: Project, gateway: BenchGateway
) -> None:
    gateway.delay = 0.03
    assert ready.run("bench", *FAST, "--save", "before").exit_code == 0
    stored = ready.folder / ".gatewayctl" / "bench" / "before.json"
    assert stat.S_IMODE(stored.stat().st_mode) == 0o600

    again = ready.run("bench", *FAST, "--against", "before", "--max-regression", "100", "--json")
    gateway.delay = 0.2
    slower = ready.run("bench", *FAST, "--against", "before", "--max-regression", "100", "--json")

    assert document(again)["data"]["comparison"]["regressed"] is False
    assert slower.exit_code == 7
    assert document(slower)["error"]["code"] == "bench_regressed"
    assert document(slower)["status"] == "partial"


def test_too_many_errors_end_with_7_and_name_their_kind(
    ready: Project, gateway: BenchGateway
) -> None:
    # Past the warm-up of 20 requests, which has to succeed.
    gateway.failing = 21

    found = ready.run("bench", *FAST, "--requests", "60", "--json")

    assert found.exit_code == 7
    assert "status_503" in document(found)["error"]["message"]
    assert "overloaded" in document(found)["data"]["gateway"]["reasons"]["status_503"]


def test_a_gateway_that_breaks_after_the_warm_up_has_a_report_and_is_not_stored(
    ready: Project, gateway: BenchGateway
) -> None:
    assert ready.run("bench", *FAST, "--save", "before").exit_code == 0
    gateway.broken_after = gateway.requests + 20

    found = ready.run("bench", *FAST, "--against", "before", "--save", "broken", "--json")

    assert found.exit_code == 7
    data = document(found)["data"]
    assert (data["comparison"], data["saved"], data["rps"]) == (None, None, 0)
    assert data["gateway"]["errors"] == {"status_503": 24}
    assert not (ready.folder / ".gatewayctl" / "bench" / "broken.json").exists()


def test_a_stored_run_without_a_success_is_refused_before_anything_is_measured(
    ready: Project, gateway: BenchGateway
) -> None:
    assert ready.run("bench", *FAST, "--save", "before").exit_code == 0
    path = ready.folder / ".gatewayctl" / "bench" / "before.json"
    stored = json.loads(path.read_text())
    stored["rounds"]["gateway"] = [[] for _ in stored["rounds"]["gateway"]]
    path.write_text(json.dumps(stored))
    sent = gateway.requests

    found = ready.run("bench", *FAST, "--against", "before")

    assert found.exit_code == 2
    assert "In the run 'before' no request to the gateway succeeded." in found.stderr
    assert gateway.requests == sent


def test_a_model_that_fails_now_and_then_is_warmed_up_once(
    ready: Project, gateway: BenchGateway
) -> None:
    """Its requests may cost money, and the confirmation says how many there are."""
    gateway.failing = 5

    words = ("--model", "gpt-4o", "--yes", "--max-errors", "50")
    found = document(ready.run("bench", *FAST, *words, "--json"))

    assert found["status"] == "success"
    assert gateway.requests == 20 + 24


def test_the_plot_is_written(ready: Project, gateway: BenchGateway) -> None:
    file = ready.folder / "bench.svg"

    assert ready.run("bench", *FAST, "--plot", str(file)).exit_code == 0

    assert ET.parse(file).getroot().tag.endswith("svg")  # noqa: S314 - our own


def test_a_plot_that_cannot_be_written_fails_before_anything_is_measured(
    ready: Project, gateway: BenchGateway
) -> None:
    found = ready.run("bench", *FAST, "--plot", str(ready.folder / "none" / "x.svg"), "--json")

    assert document(found)["error"]["code"] == "file_unwritable"
    assert gateway.requests == 0


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("--requests", "5", "--duration", "5s"), "usage"),
        (("--duration", "soon"), "usage"),
        (("--against", "never-stored"), "usage"),
        (("--save", "../x"), "usage"),
        (("--model", "gpt-4o"), "confirmation_required"),
    ],
)
def test_what_cannot_be_done_is_refused_before_anything_is_created(
    ready: Project, gateway: BenchGateway, words: tuple[str, ...], code: str
) -> None:
    found = document(ready.run("bench", *words, "--json"))

    assert found["error"]["code"] == code
    assert "/model/new" not in ready.litellm.paths()
    assert gateway.requests == 0


def test_in_a_cluster_only_a_model_of_the_gateway_is_measured(
    ready: Project, gateway: BenchGateway
) -> None:
    ready.runtime.name = "kubernetes"

    found = document(ready.run("bench", *FAST, "--json"))

    assert found["error"]["code"] == "usage"
    assert "--model NAME" in found["error"]["hint"]
    assert "/model/new" not in ready.litellm.paths()


def test_a_model_that_fails_altogether_is_not_tried_again(
    ready: Project, gateway: BenchGateway
) -> None:
    gateway.failing = 1

    found = document(ready.run("bench", *FAST, "--model", "gpt-4o", "--yes", "--json"))

    assert found["error"]["code"] == "gateway_refused"
    assert "status_503" in found["error"]["message"]
    # The requests of one warm-up.
    assert gateway.requests == 20
    assert not [row for row in ready.litellm.keys.values() if "bench" in (row["key_alias"] or "")]


def test_another_load_is_not_compared(ready: Project, gateway: BenchGateway) -> None:
    ready.run("bench", *FAST, "--save", "before")

    found = document(
        ready.run("bench", *FAST, "--concurrency", "2", "--against", "before", "--json")
    )

    assert "concurrency 1 → 2" in found["error"]["message"]


def test_an_open_loop_and_its_streams_are_measured(ready: Project, gateway: BenchGateway) -> None:
    words = ("--rate", "60", "--stream", "--reply-length", "4", "--reply-rate", "1000")

    data = document(ready.run("bench", *FAST, *words, "--json"))["data"]

    assert data["parameters"]["rate"] == 60
    assert data["gateway"]["ttft_ms"]["p50"] > 0
    assert data["ttft_overhead_ms"]["p50"] is not None


def test_no_secret_is_printed_or_stored(ready: Project, gateway: BenchGateway) -> None:
    found = ready.run("-v", "bench", *FAST, "--save", "a", "--json")

    key = json.loads(
        next(r for r in reversed(ready.litellm.requests) if r.url.path == "/key/generate").content
    )["key"]
    stored = (ready.folder / ".gatewayctl" / "bench" / "a.json").read_text()
    assert key not in found.output
    assert key not in stored
