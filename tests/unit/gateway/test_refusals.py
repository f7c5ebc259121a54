"""The bodies are real error answers of LiteLLM 1.106.2."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gatewayctl import errors
from gatewayctl.gateway.refusals import KeyRole, clean_message, parse_refusal, translate_refusal

ADDRESS = "http://127.0.0.1:4000"
UPSTREAM_401 = (
    "litellm.AuthenticationError: AuthenticationError: OpenAIException - Incorrect API key"
    " provided: sk-abcde*****wxyz. You can find your API key at https://platform.openai.com."
    "\n\nLiteLLM: model group 'gpt-4o' failed with the error above. No fallback was attempted."
)


def envelope(message: str, kind: str, code: int, param: str | None = None) -> bytes:
    inner = {"message": message, "type": kind, "param": param, "code": str(code)}
    return json.dumps({"error": inner}).encode()


CASES: list[tuple[int, bytes, KeyRole, type[errors.GatewayctlError]]] = [
    (401, envelope("Authentication Error, Invalid API key provided.", "token_not_found_in_db", 401),
     "master", errors.MasterKeyRefused),
    (401, envelope("Authentication Error, Invalid API key provided.", "token_not_found_in_db", 401),
     "virtual", errors.VirtualKeyRefused),
    (400, envelope("No connected db.", "no_db_connection", 400),
     "master", errors.MasterKeyRefused),
    (400, envelope("No connected db.", "no_db_connection", 400),
     "virtual", errors.GatewayDatabaseMissing),
    (503, envelope("Service Unavailable, the authentication database is down", "no_db_connection",
                   503), "master", errors.GatewayDatabaseMissing),
    (500, envelope("{'error': 'DB not connected. This endpoint needs a database'}",
                   "internal_server_error", 500), "master", errors.GatewayDatabaseMissing),
    (500, envelope("Authentication Error, Database not connected", "internal_server_error", 500),
     "master", errors.GatewayDatabaseMissing),
    (500, envelope("Not connected to DB!", "internal_server_error", 500),
     "master", errors.GatewayDatabaseMissing),
    (401, envelope("Prisma Client is not initialized", "auth_error", 401),
     "master", errors.GatewayDatabaseMissing),
    (400, envelope("Key with alias 'a' already exists. Unique key aliases across all keys are"
                   " required.", "bad_request_error", 400, "key_alias"),
     "master", errors.KeyAliasExists),
    (403, b'{"error":"forbidden"}', "master", errors.MasterKeyRefused),
    (403, b'{"error":"forbidden"}', "virtual", errors.GatewayRefused),
    (401, envelope("Authentication Error - Expired Key. Key Expiry time", "expired_key", 401),
     "virtual", errors.VirtualKeyRefused),
    (400, envelope("/chat/completions: Invalid model name passed in model=x. Call `/v1/models`",
                   "invalid_request_error", 400), "virtual", errors.UnknownModel),
    (403, envelope("The requested model 'x' is not available for this API key",
                   "key_model_access_denied", 403), "virtual", errors.UnknownModel),
    (401, envelope(UPSTREAM_401, "authentication_error", 401), "virtual", errors.UpstreamRefused),
    (401, envelope(UPSTREAM_401, "authentication_error", 401), "master", errors.UpstreamRefused),
    (429, envelope("litellm.RateLimitError: RateLimitError: OpenAIException - Rate limit reached"
                   " for gpt-4o", "throttling_error", 429), "virtual", errors.UpstreamRefused),
    (429, envelope("No deployments available for selected model, Try again in 5 seconds.",
                   "all_deployments_in_cooldown", 429), "virtual", errors.UpstreamRefused),
    (429, envelope("Rate limit exceeded for api_key", "throttling_error", 429),
     "virtual", errors.RateLimited),
    (422, envelope("ExceededBudget: User=us over budget. Spend=0.0, Budget=0.0", "budget_exceeded",
                   422), "virtual", errors.BudgetSpent),
    (403, (b'{"detail":"Virtual key is not allowed to call this route. Only allowed to call routes:'
          b" ['/x']. Tried to call route: /v1/models\"}"), "virtual", errors.RouteRefused),
    (500, envelope("litellm.InternalServerError: InternalServerError: OpenAIException - Connection"
                   " error.", "internal_server_error", 500), "virtual", errors.UpstreamUnreachable),
    (408, envelope("litellm.Timeout: APITimeoutError - Request timed out. Error_str: Request timed"
                   " out. - timeout value=3.0", "invalid_request_error", 408),
     "virtual", errors.UpstreamTimeout),
    (422, b'{"detail":[{"loc":["body","key"],"msg":"bad"}]}', "master", errors.GatewayRefused),
    (404, b"<html>Not Found</html>", "master", errors.GatewayUnreachable),
    (500, b"Internal Server Error", "virtual", errors.GatewayRefused),
    (500, b"", "virtual", errors.GatewayRefused),
]  # fmt: skip


@pytest.mark.parametrize(("status", "body", "role", "expected"), CASES)
def test_each_body_becomes_the_error_of_its_cause(
    status: int, body: bytes, role: KeyRole, expected: type[errors.GatewayctlError]
) -> None:
    error = translate_refusal(parse_refusal(status, body), role=role, address=ADDRESS)

    assert type(error) is expected
    assert error.hint


def test_a_refused_master_key_and_a_missing_database_are_different_errors() -> None:
    refused = envelope("Authentication Error, Invalid API key provided.", "auth_error", 401)
    missing = envelope("{'error': 'DB not connected.'}", "internal_server_error", 500)

    codes = [
        translate_refusal(parse_refusal(status, body), role="master", address=ADDRESS).code
        for status, body in ((401, refused), (500, missing))
    ]

    assert codes == ["master_key_refused", "gateway_database_missing"]


def test_an_unknown_key_has_a_short_message_without_its_hash() -> None:
    message = (
        "Authentication Error, Invalid proxy server token passed. Received API Key = sk-...cdef,"
        f" Key Hash (Token) ={'0a' * 32}. Unable to find token in cache"
    )
    known = translate_refusal(
        parse_refusal(401, envelope(message, "token_not_found_in_db", 401)),
        role="virtual",
        address=ADDRESS,
    )
    other = translate_refusal(
        parse_refusal(401, envelope(message, "x", 401)), role="virtual", address=ADDRESS
    )

    assert known.message.endswith("refuses the virtual key: unknown key.")
    assert "0a0a" not in other.message


def test_a_providers_message_is_kept_without_litellms_class_names() -> None:
    refusal = parse_refusal(401, envelope(UPSTREAM_401, "authentication_error", 401))

    assert clean_message(refusal) == (
        "Incorrect API key provided: sk-…wxyz. You can find your API key at https://platform.openai.com."
    )


def test_a_missing_provider_key_has_a_hint_where_to_put_it() -> None:
    message = (
        "litellm.InternalServerError: InternalServerError: OpenAIException - Missing credentials."
    )
    error = translate_refusal(
        parse_refusal(500, envelope(message, "internal_server_error", 500)),
        role="virtual",
        address=ADDRESS,
    )

    assert "real key into .env" in error.hint


def test_an_escape_sequence_in_a_refusal_does_not_reach_the_terminal() -> None:
    assert clean_message(parse_refusal(400, envelope("a\x1b]0;b\x07c", "x", 400))) == "a ]0;b c"


def test_a_long_refusal_is_cut() -> None:
    assert len(clean_message(parse_refusal(400, b"x" * 10_000))) < 500


@given(st.text(alphabet="abcXYZ019_-", min_size=12, max_size=60), st.text(max_size=20))
def test_a_message_never_contains_a_key(key: str, around: str) -> None:
    body = envelope(f"{around} Received=sk-{key} {around}", "auth_error", 401)

    error = translate_refusal(parse_refusal(401, body), role="virtual", address=ADDRESS)

    assert f"sk-{key}" not in error.message


@given(st.binary(max_size=200), st.sampled_from([400, 401, 403, 404, 429, 500, 503]))
def test_any_body_becomes_an_error_of_ours(body: bytes, status: int) -> None:
    assert translate_refusal(
        parse_refusal(status, body), role="master", address=ADDRESS
    ).exit_code in {
        5,
        6,
    }


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=5),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(["error", "detail", "message", "code", "type", "param"]), inner
            )
        ),
    )
)
def test_any_json_becomes_an_error_of_ours(data: object) -> None:
    error = translate_refusal(
        parse_refusal(500, json.dumps(data).encode()), role="virtual", address=ADDRESS
    )

    assert error.exit_code in {5, 6}


@pytest.mark.parametrize(
    "body",
    [
        b"[" * 100_000,
        b'{"detail": "{...}"}',
        b'{"detail": "{\'a\'}"}',
        b'{"error": {"message": "{\'a\'}"}}',
        '{"error": {"message": "x", "code": "²"}}'.encode(),
        b'{"error": {"message": "x", "code": "' + b"4" * 5000 + b'"}}',
        b'{"error": {"message": {"error": {"a": [1]}}}}',
    ],
)
def test_an_odd_body_is_no_internal_error(body: bytes) -> None:
    refusal = parse_refusal(400, body)

    assert isinstance(clean_message(refusal), str)
    error = translate_refusal(refusal, role="virtual", address=ADDRESS)
    assert isinstance(error, errors.GatewayRefused)
