"""The section tracing: which stores, of which kind, with which credentials."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.fakes.projects import problems, project


@pytest.mark.parametrize(
    ("text", "kinds"),
    [
        ("", ["phoenix own"]),
        ("tracing:", ["phoenix own"]),
        ("tracing: {}", ["phoenix own"]),
        ("tracing: phoenix", ["phoenix own"]),
        ("tracing: none", []),
        ("tracing: false", []),
        ("tracing: https://collector.example.com", ["otlp"]),
        ("tracing: {endpoint: 'http://10.0.0.7:6006'}", ["phoenix"]),
        ("tracing: {endpoint: 'https://phoenix.example.com/v1/traces'}", ["phoenix"]),
        ("tracing: {endpoint: 'https://app.phoenix.arize.com/s/team'}", ["phoenix"]),
        ("tracing: {endpoint: 'https://traces.example.com', kind: phoenix}", ["phoenix"]),
        ("tracing: {endpoint: 'https://phoenix.example.com', kind: otlp}", ["otlp"]),
        ("tracing: [phoenix, {endpoint: 'http://tempo:4318'}]", ["phoenix own", "otlp"]),
        ("tracing: {phoenix: , jaeger: 'http://jaeger:4318'}", ["phoenix own", "otlp"]),
    ],
)
def test_the_kind_of_each_store_is_given_or_recognized(
    tmp_path: Path, text: str, kinds: list[str]
) -> None:
    settings = project(tmp_path, text)

    found = [f"{each.kind}{' own' if each.is_own else ''}" for each in settings.trace_stores]
    assert found == kinds
    assert (settings.asked_store is not None) == any("phoenix" in kind for kind in kinds)


@pytest.mark.parametrize(
    ("text", "stores"),
    [
        ("tracing: {sample: 0.1, spans: all, messages: false}", ["phoenix"]),
        (
            "tracing: {sample: 0.1, spans: all, messages: false, endpoint: 'http://tempo:4318'}",
            ["tempo:4318"],
        ),
        (
            "tracing: {phoenix: , t: 'http://t:4318', sample: 0.1, spans: all, messages: false}",
            ["phoenix", "t"],
        ),
    ],
)
def test_what_is_traced_stands_beside_the_stores(
    tmp_path: Path, text: str, stores: list[str]
) -> None:
    settings = project(tmp_path, text)

    assert [store.name for store in settings.trace_stores] == stores
    contents = settings.tracing.contents
    assert (contents.sample, contents.spans, contents.messages) == (0.1, "all", False)


@pytest.mark.parametrize(
    ("profile", "spans"), [("development", "requests"), ("production", "calls")]
)
def test_everything_is_traced_by_default_in_the_spans_of_the_profile(
    tmp_path: Path, profile: str, spans: str
) -> None:
    contents = project(tmp_path, f"profile: {profile}").tracing.contents

    assert (contents.sample, contents.messages) == (1.0, True)
    assert contents.choose_spans(profile) == spans


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("sample: 1.5", "tracing.sample must be a number from 0 to 1, not '1.5'"),
        ("sample: -0.1", "tracing.sample must be a number from 0 to 1, not '-0.1'"),
        ("sample: true", "tracing.sample must be a number from 0 to 1, not true"),
        ("sample: 10%", "tracing.sample must be a number from 0 to 1, not '10%'"),
        ("sample: .nan", "tracing.sample must be a number from 0 to 1"),
        ("spans: some", "tracing.spans must be all, requests or calls, not 'some'"),
        ("messages: maybe", "tracing.messages must be true or false, not 'maybe'"),
    ],
)
def test_what_cannot_be_traced_is_refused(tmp_path: Path, text: str, said: str) -> None:
    (found, *_) = [line for line in problems(tmp_path, f"tracing: {{{text}}}") if said in line]

    assert "gateway.yaml line 1" in found


@pytest.mark.parametrize(
    ("endpoint", "url"),
    [
        ("https://cloud.langfuse.com/api/public/otel", "/api/public/otel/v1/traces"),
        ("https://cloud.langfuse.com/v1/traces", "/v1/traces"),
        ("https://cloud.langfuse.com/", "/v1/traces"),
        ("cloud.langfuse.com", "/v1/traces"),
    ],
)
def test_spans_are_sent_below_the_endpoint(tmp_path: Path, endpoint: str, url: str) -> None:
    (store,) = project(tmp_path, f"tracing: '{endpoint}'").trace_stores

    assert store.traces_url == f"https://cloud.langfuse.com{url}"


def test_insecure_chooses_http_for_an_endpoint_without_a_scheme(tmp_path: Path) -> None:
    (store,) = project(tmp_path, "tracing: {endpoint: 'tempo:4318', insecure: true}").trace_stores

    assert store.endpoint == "http://tempo:4318"


def test_credentials_become_headers_and_are_never_shown(tmp_path: Path) -> None:
    text = "tracing: {endpoint: 'https://phoenix.example.com', api_key_env: K, headers_env: H}"
    env = "K=key-0123456789abcdef\nH=x-team=a%20b,X-Other=c\n"

    settings = project(tmp_path, text, env=env)

    (store,) = settings.trace_stores
    assert store.headers(settings.environment) == {
        "x-project-name": "gateway",
        "x-team": "a b",
        "x-other": "c",
        "authorization": "Bearer key-0123456789abcdef",
    }
    assert "key-0123" not in f"{settings}"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("tracing: 7", "tracing must be a mapping"),
        ("tracing: {langfuse: {}}", "tracing.langfuse needs endpoint:"),
        ("tracing: {endpoint: 'http://c:4317'}", "sent over HTTP, not gRPC"),
        ("tracing: {endpoint: 'grpc://c'}", "sent over HTTP, not gRPC"),
        ("tracing: {endpoint: 'https://u:p@c'}", "must contain no credentials"),
        ("tracing: {endpoint: 'https://c?api_key=1'}", "must contain no credentials"),
        ("tracing: {endpoint: 'ftp://c'}", "must be a URL"),
        ("tracing: {endpoint: 'http://c:99999'}", "must be a URL"),
        ("tracing: {endpoint: 'https://c', insecure: true}", "uses TLS"),
        ("tracing: {endpoint: 'https://c', kind: tempo}", "must be phoenix or otlp"),
        ("tracing: {endpoint: 'https://c', api_key_env: LITELLM_MASTER_KEY}", "must not use"),
        ("tracing: {endpoint: 'https://c', headers_env: 'a=b'}", "the name of an environment"),
        ("tracing: {endpoint: 'https://c', project: 'Prüfung'}", "printable ASCII"),
        ("tracing: {endpoint: 'https://c', headers: 'a=b'}", "unknown setting 'headers'"),
        ("tracing: ['http://c', 'http://c']", "given twice"),
    ],
)
def test_what_cannot_be_used_is_refused_with_its_line(tmp_path: Path, text: str, said: str) -> None:
    (problem,) = problems(tmp_path, text)

    assert problem.startswith("gateway.yaml line 1")
    assert said in problem


@pytest.mark.parametrize("headers", ["no-value", 'a=b"c', "a=b%0Ac"])
def test_headers_that_cannot_be_read_are_refused_without_their_value(
    tmp_path: Path, headers: str
) -> None:
    text = "tracing: {endpoint: 'https://c', headers_env: H}"

    (problem,) = problems(tmp_path, text, env=f"H='{headers}'\n")

    assert "H, the headers of c" in problem
    assert headers not in problem
