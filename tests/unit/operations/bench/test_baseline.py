from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest

from gatewayctl.errors import FileUnreadable, UsageProblem
from gatewayctl.operations.bench import baseline
from gatewayctl.operations.bench.baseline import Environment
from gatewayctl.operations.bench.parameters import BenchParameters
from gatewayctl.operations.bench.rounds import Round
from tests.fakes.projects import project

HERE = Environment(machine="m", runtime="embedded", versions={"litellm": "1"}, settings="s")
ROUNDS = [
    Round(side="direct", latency=(2.0, 1.0)),
    Round(side="yardstick", latency=(3.0,)),
    Round(side="gateway", latency=tuple(float(n) for n in range(500))),
]


def store(path: Path) -> None:
    parameters = BenchParameters(requests=500, stream=True)
    baseline.store_run(path, parameters, HERE, ROUNDS, {"litellm": 12.5})


def test_a_stored_run_is_read_as_it_was_and_is_private(tmp_path: Path) -> None:
    path = tmp_path / "bench" / "a.json"

    store(path)
    found = baseline.read_run(path, "a")

    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert found.parameters == BenchParameters(requests=500, stream=True)
    assert found.environment == HERE
    assert found.rounds["direct"] == ((1.0, 2.0),)
    assert len(found.rounds["gateway"][0]) == 100
    assert found.cpu_ms_per_request == {"litellm": 12.5}


def test_a_run_that_does_not_exist_names_those_that_do(tmp_path: Path) -> None:
    store(tmp_path / "known.json")

    with pytest.raises(UsageProblem) as caught:
        baseline.read_run(tmp_path / "other.json", "other")

    assert "known" in caught.value.hint


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"version": 1}', "\x00", '{"version": 2}'])
def test_a_damaged_run_is_reported_with_what_to_do(tmp_path: Path, text: str) -> None:
    path = tmp_path / "a.json"
    path.write_text(text)

    with pytest.raises(FileUnreadable, match=r"a\.json"):
        baseline.read_run(path, "a")


def test_an_older_run_has_the_defaults_of_newer_parameters(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    store(path)
    body = json.loads(path.read_text())
    del body["parameters"]["tokens"]
    body["parameters"]["of_the_future"] = 1
    path.write_text(json.dumps(body))

    assert baseline.read_run(path, "a").parameters.tokens == BenchParameters().tokens


def test_different_loads_are_not_compared() -> None:
    with pytest.raises(UsageProblem, match="concurrency 1 → 16"):
        baseline.require_same_parameters(
            "a", BenchParameters(concurrency=1), BenchParameters(concurrency=16)
        )


@pytest.mark.parametrize("name", ["", "../x", "a/b", ".hidden", "a b", "x" * 65, "ä"])
def test_a_name_that_is_no_file_name_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageProblem, match="--save"):
        baseline.locate_run(project(tmp_path), name, "--save")


def test_what_differs_beside_the_figures_is_listed() -> None:
    other = Environment(machine="n", runtime="docker", versions={"litellm": "2"}, settings="t")

    found = baseline.find_differences(HERE, other)

    assert found == ("machine: m → n", "runtime: embedded → docker", "litellm: 1 → 2", "settings")
    assert baseline.find_differences(HERE, HERE) == ()
