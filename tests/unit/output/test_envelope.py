from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import Enum
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gatewayctl.errors import (
    EngineNotRunning,
    NotVerified,
    PortTaken,
    Problem,
    ServiceFailed,
    SettingsInvalid,
    UsageProblem,
)
from gatewayctl.output.envelope import as_data, render_document, render_error
from gatewayctl.settings.model import Secret, Source

KEY = "sk-virtual-0123456789abcdefWXYZ"


SOURCE = Source(name=".env", line=3)


class Color(Enum):
    RED = "red"


@dataclass(frozen=True, slots=True, kw_only=True)
class Inner:
    alias: str
    key: Secret | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    name: str = "p"
    folder: Path = Path("/home/p")
    at: datetime = datetime(2026, 11, 23, 14, 0, tzinfo=UTC)
    keys: tuple[Inner, ...] = (Inner(alias="a", key=Secret(KEY)), Inner(alias="b", key=None))
    metadata: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({"n": (1, 2)}))
    seconds: float = 1.23456789
    missing: str | None = None
    changed: bool = False
    source: Source = SOURCE
    color: Color = Color.RED
    tags: frozenset[str] = frozenset({"one"})


DATA = {
    "name": "p",
    "folder": "/home/p",
    "at": "2026-11-23T14:00:00+00:00",
    "keys": [{"alias": "a", "key": "sk-…WXYZ"}, {"alias": "b", "key": None}],
    "metadata": {"n": [1, 2]},
    "seconds": 1.234568,
    "missing": None,
    "changed": False,
    "source": ".env line 3",
    "color": "red",
    "tags": ["one"],
}


def test_a_result_is_one_document_with_the_field_names_of_the_report() -> None:
    assert json.loads(render_document("up", Report())) == {
        "schema": "gatewayctl/1",
        "command": "up",
        "status": "success",
        "data": DATA,
    }


def test_a_result_with_a_problem_has_both() -> None:
    found = json.loads(render_document("demo", Report(), NotVerified("No span.", hint="See logs.")))

    assert found["status"] == "partial"
    assert found["data"] == DATA
    assert found["error"] == {"code": "not_verified", "message": "No span.", "hint": "See logs."}


def test_a_failure_has_a_code_a_message_a_hint_and_no_data() -> None:
    assert json.loads(render_error("up", PortTaken("Port 4000 is held."))) == {
        "schema": "gatewayctl/1",
        "command": "up",
        "status": "error",
        "error": {
            "code": "port_taken",
            "message": "Port 4000 is held.",
            "hint": PortTaken.remedy,
            "finding": "port_taken",
        },
    }


def test_a_failure_has_its_finding_and_its_service_if_they_are_known() -> None:
    failed = ServiceFailed("litellm failed.")
    failed.finding, failed.service = "disk_full", "postgres"
    family = EngineNotRunning("No engine.")
    none = UsageProblem("No.")

    errors = [json.loads(render_error("up", error))["error"] for error in (failed, family, none)]

    assert [(each.get("finding"), each.get("service")) for each in errors] == [
        ("disk_full", "postgres"),
        ("runtime_unavailable", None),
        (None, None),
    ]


def test_every_problem_of_the_settings_is_an_item_of_its_own() -> None:
    problems = (
        Problem(source="gateway.yaml line 1", message="unknown setting"),
        Problem(source=".env line 2", message="no name"),
    )

    found = json.loads(render_error("up", SettingsInvalid(problems=problems)))["error"]

    assert found["problems"] == [
        {"source": "gateway.yaml line 1", "message": "unknown setting"},
        {"source": ".env line 2", "message": "no name"},
    ]
    assert found["message"] == "gateway.yaml line 1: unknown setting\n.env line 2: no name"


def test_keys_in_message_and_hint_are_masked() -> None:
    text = render_error("up", PortTaken(f"The log: {KEY}", hint=f"Not {KEY}"))

    assert KEY not in text
    assert text.count("sk-…WXYZ") == 2


def test_the_document_is_one_line() -> None:
    assert "\n" not in render_document("logs", {"text": "one\ntwo\u2028three"})


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_infinity_and_not_a_number_are_null(value: float) -> None:
    assert json.loads(render_document("usage", {"spend": value}))["data"] == {"spend": None}


VALUES: Any = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.datetimes()
    | st.builds(Secret, st.text())
    | st.builds(Path, st.from_regex(r"\A[a-z/]{1,20}\Z"))
    | st.builds(Inner, alias=st.text(), key=st.none() | st.builds(Secret, st.text())),
    lambda inner: (
        st.lists(inner) | st.tuples(inner, inner) | st.dictionaries(st.text(), inner, max_size=3)
    ),
    max_leaves=8,
)


@given(VALUES)
def test_every_value_can_be_converted_to_json(value: Any) -> None:
    data = json.loads(render_document("x", value), parse_constant=pytest.fail)["data"]

    assert data == json.loads(json.dumps(as_data(value)))


@given(st.from_regex(r"\A[A-Za-z0-9]{24,40}\Z"))
def test_a_secret_is_never_printed_in_full(value: str) -> None:
    assert value not in render_document("x", {"deep": [{"secret": Secret(value)}]})


def test_strings_are_masked_unless_the_command_reveals_them() -> None:
    report = {"reply": "like AIzaSyD-9tSrke72PouQMnMX-a7eZSW0jkFMBWY", "sk-0123456789abcdef": [KEY]}

    masked = json.loads(render_document("status", report))["data"]
    revealed = json.loads(render_document("chat", report, reveal=True))["data"]

    assert masked == {"reply": "like AIza…MBWY", "sk-…cdef": [f"sk-…{KEY[-4:]}"]}
    assert revealed == report
