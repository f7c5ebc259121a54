from __future__ import annotations

import shutil
from collections import namedtuple
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest

from gatewayctl.errors import EngineNotRunning, ImageMissing, PortTaken
from gatewayctl.operations.doctor.checks import machine as checks
from gatewayctl.runtimes.machine import Memory, read_memory
from tests.fakes.self_check import Patient

Usage = namedtuple("Usage", "total used free")
NOW = datetime(2026, 11, 23, 14, 0, tzinfo=UTC)


@pytest.fixture
def patient(tmp_path: Path) -> Patient:
    return Patient(folder=tmp_path / "shop")


def test_each_taken_port_is_a_finding(patient: Patient) -> None:
    assert patient.ids(checks.check_ports) == []
    patient.runtime.raising["preflight"] = PortTaken("Port 1 is taken.\nPort 2 is taken.")

    assert patient.found(checks.check_ports) == [
        ("port_taken", "Port 1 is taken."),
        ("port_taken", "Port 2 is taken."),
    ]


@pytest.mark.parametrize(
    ("error", "finding"),
    [
        (EngineNotRunning("No engine."), "runtime_unavailable"),
        (ImageMissing("No image."), "image_missing"),
    ],
)
def test_a_runtime_that_cannot_start_is_a_finding(
    patient: Patient, error: EngineNotRunning | ImageMissing, finding: str
) -> None:
    patient.runtime.raising["preflight"] = error

    assert patient.found(checks.check_ports) == [(finding, error.message)]


@pytest.mark.parametrize(
    ("free", "found"),
    [(50_000_000, ["disk_full"]), (900_000_000, ["disk_low"]), (5_000_000_000, [])],
)
def test_free_disk_space_of_the_project(
    patient: Patient, monkeypatch: pytest.MonkeyPatch, free: int, found: list[str]
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(10_000_000_000, 0, free))

    assert patient.ids(checks.check_disk) == found


@pytest.mark.parametrize(
    ("free", "found"),
    [(50_000_000, ["disk_full"]), (900_000_000, ["disk_low"]), (5_000_000_000, [])],
)
def test_free_disk_space_of_an_engine_is_that_of_its_databases(
    patient: Patient, free: int, found: list[str]
) -> None:
    patient.up()
    patient.runtime.server.free = free
    assert patient.ids(checks.check_disk_of_databases) == []

    patient.runtime.name = "docker"

    assert patient.ids(checks.check_disk_of_databases) == found
    patient.runtime.server.runs = lambda: False
    assert patient.ids(checks.check_disk_of_databases) == []


def test_the_memory_of_this_machine_can_be_read() -> None:
    assert 0 < read_memory().available <= read_memory().total


@pytest.mark.parametrize(
    ("available", "running", "found"),
    [
        (700_000_000, False, ["memory_low"]),
        (700_000_000, True, []),
        (90_000_000, True, ["memory_low"]),
        (2_000_000_000, False, []),
    ],
)
def test_a_start_needs_more_memory_than_a_running_stack(
    patient: Patient,
    monkeypatch: pytest.MonkeyPatch,
    available: int,
    running: bool,
    found: list[str],
) -> None:
    left = Memory(total=8_000_000_000, available=available)
    monkeypatch.setattr(checks, "read_memory", lambda _runtime: left)
    if running:
        patient.up()

    assert patient.ids(checks.check_memory) == found


@pytest.mark.parametrize(
    ("date", "evidence"),
    [
        ("Mon, 23 Nov 2026 14:00:03 GMT", []),
        ("Mon, 23 Nov 2026 14:01:00 GMT", ["litellm is 60 s ahead of this machine"]),
        ("Mon, 23 Nov 2026 13:59:00 GMT", ["litellm is 60 s behind this machine"]),
        ("nonsense", []),
        (None, []),
    ],
)
def test_clocks_are_compared_by_the_date_of_an_answer(
    patient: Patient, date: str | None, evidence: list[str]
) -> None:
    headers = {} if date is None else {"date": date}
    patient.litellm.planted["/health/liveliness"] = lambda _: httpx.Response(200, headers=headers)
    patient.up()

    with patient.subject() as subject:
        found = checks.check_clocks(replace(subject, now=lambda: NOW))
        assert [each.evidence for each in found] == evidence
