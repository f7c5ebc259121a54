from __future__ import annotations

import json
import os
from pathlib import Path

import psutil
import pytest

from gatewayctl.runtimes.machine import count_cores, read_memory
from gatewayctl.runtimes.runtime_marker import write_runtime

OWN = psutil.virtual_memory().total


@pytest.fixture
def engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file with what `docker info` prints; without it the program fails."""
    program = tmp_path / "docker"
    program.write_text(f"#!/bin/sh\nexec cat {tmp_path}/info\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    return tmp_path / "info"


def test_an_engine_in_a_virtual_machine_has_other_memory_and_cores(
    engine: Path, tmp_path: Path
) -> None:
    engine.write_text(json.dumps({"MemTotal": 2_000_000_000, "NCPU": 77}))

    assert read_memory("docker").total == read_memory("docker").available == 2_000_000_000
    assert count_cores("docker", tmp_path) == count_cores("auto", tmp_path) == 77
    assert read_memory("embedded").total == read_memory().total == OWN
    assert count_cores("embedded", tmp_path) == os.cpu_count()

    write_runtime(tmp_path, "embedded")
    assert count_cores("auto", tmp_path) == os.cpu_count()


def test_of_an_engine_on_this_machine_the_free_memory_is_known(engine: Path) -> None:
    engine.write_text(json.dumps({"MemTotal": OWN, "NCPU": 2}))

    found = read_memory("docker")

    assert found.total == OWN
    assert found.available < OWN


def test_podman_in_the_place_of_the_docker_program_reports_them_in_its_own_form(
    engine: Path, tmp_path: Path
) -> None:
    engine.write_text(json.dumps({"host": {"memTotal": 3_000_000_000, "cpus": 5}}))

    assert read_memory("docker").total == 3_000_000_000
    assert count_cores("docker", tmp_path) == 5


@pytest.mark.parametrize("said", ["", "[]", "{", '{"MemTotal": 0, "NCPU": 0}', '{"MemTotal": "x"}'])
def test_without_an_answer_it_is_this_machine(said: str, engine: Path, tmp_path: Path) -> None:
    if said:
        engine.write_text(said)

    assert read_memory("docker").total == OWN
    assert count_cores("docker", tmp_path) == os.cpu_count()
