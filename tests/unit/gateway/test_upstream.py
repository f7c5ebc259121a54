"""The messages are real ones of LiteLLM 1.106.2, each with the answer of its provider."""

from __future__ import annotations

import json

import pytest

from gatewayctl.errors import GatewayctlError, UpstreamRefused, UpstreamTimeout, UpstreamUnreachable
from gatewayctl.gateway.refusals import parse_refusal, translate_refusal
from gatewayctl.gateway.upstream import connection_error

END = "\n\nLiteLLM: model group 'm' failed with the error above. No fallback was attempted."
CONTEXT = "This model's maximum context length is 8192 tokens."


def translate(status: int, message: str) -> GatewayctlError:
    body = {"error": {"message": message + END, "type": "x", "param": None, "code": str(status)}}
    refusal = parse_refusal(status, json.dumps(body).encode())
    return translate_refusal(refusal, role="virtual", address="http://127.0.0.1:4000")


@pytest.mark.parametrize(
    ("status", "message", "expected"),
    [
        (401, "litellm.AuthenticationError: AuthenticationError: OpenAIException - Wrong key.",
         "The provider refused the gateway's credentials: Wrong key."),
        (500, ("litellm.InternalServerError: InternalServerError: OpenAIException - Missing"
         " credentials."), ("The provider refused the gateway's credentials: Missing"
         " credentials.")),
        (403, "litellm.APIError: APIError: OpenAIException - Region not supported",
         "The provider denies access to the model or the region (403): Region not supported"),
        (404, "litellm.NotFoundError: OpenAIException - The model `x` does not exist.",
         "The provider has no such model at this address (404): The model `x` does not exist."),
        (404, ("litellm.NotFoundError: NotFoundError: OpenAIException - Error code: 404 -"
         " {'detail': 'Not Found'}"),
         "The provider has no such model at this address (404): Not Found"),
        (429, "litellm.RateLimitError: RateLimitError: OpenAIException - Limit 3, Used 3.",
         "The provider's rate limit is reached (429): Limit 3, Used 3."),
        (429, ("litellm.RateLimitError: RateLimitError: OpenAIException - You exceeded your"
         " current quota."),
         "The provider's quota is used up (429): You exceeded your current quota."),
        (402, "litellm.APIError: APIError: OpenAIException - Insufficient credits",
         "The provider's quota is used up (402): Insufficient credits"),
        (429, "litellm.RateLimitError: RateLimitError: OpenAIException - Request too large",
         "The prompt is too long for the model (429): Request too large"),
        (400, ("litellm.ContextWindowExceededError: litellm.BadRequestError:"
         f" ContextWindowExceededError: OpenAIException - {CONTEXT}\nmodel=m."
         " context_window_fallbacks=None. fallbacks=None.\n\nSet 'context_window_fallback'"),
         f"The prompt is too long for the model (400): {CONTEXT}"),
        (400, "litellm.BadRequestError: AnthropicException - "
         + repr(json.dumps({"error": {"message": CONTEXT}}).encode()),
         f"The prompt is too long for the model (400): {CONTEXT}"),
        (400, ("litellm.BadRequestError: litellm.ContentPolicyViolationError:"
         " ContentPolicyViolationError: OpenAIException - Rejected by our safety system."),
         "The provider's content policy refused the prompt (400): Rejected by our safety system."),
        (400, ("litellm.BadRequestError: OpenAIException - The response was filtered due to the"
         " prompt triggering Azure OpenAI's content management policy."),
         ("The provider's content policy refused the prompt (400): The response was filtered due"
         " to the prompt triggering Azure OpenAI's content management policy.")),
        (400, "litellm.BadRequestError: OpenAIException - Unsupported parameter.",
         "The provider refused the request (400): Unsupported parameter."),
        (500, ('litellm.InternalServerError: AnthropicException - {"error": {"message": "It'
         ' broke."}}. Handle with `litellm.InternalServerError`.'),
         "The provider failed (500): It broke."),
        (502, ("litellm.BadGatewayError: BadGatewayError: OpenAIException - <html><body>502 Bad"
         " Gateway</body></html>"), "The provider failed (502): 502 Bad Gateway"),
        (503, ("litellm.ServiceUnavailableError: ServiceUnavailableError: OpenAIException -"
         " Overloaded."), "The provider failed (503): Overloaded."),
    ],
)  # fmt: skip
def test_each_refusal_of_a_provider_has_its_own_message(
    status: int, message: str, expected: str
) -> None:
    error = translate(status, message)

    assert isinstance(error, UpstreamRefused)
    assert error.message == expected
    about_key = "credentials" in expected
    assert ("key" in error.hint) == about_key
    assert (error.finding or "").startswith("provider_key_") == about_key


@pytest.mark.parametrize(
    "message",
    [
        "litellm.Timeout: APITimeoutError - Request timed out. Error_str: Request timed out.",
        "litellm.Timeout: AnthropicException - litellm.Timeout: Connection timed out.",
        ("litellm.APIConnectionError: OpenAIException - Timeout on reading data from socket"),
    ],
)
def test_a_provider_that_is_too_slow_is_a_timeout(message: str) -> None:
    error = translate(408 if message.startswith("litellm.Timeout") else 500, message)

    assert isinstance(error, UpstreamTimeout)
    assert "litellm" not in error.message


REFUSED = "ConnectionRefusedError: [Errno 111] Connect call failed ('127.0.0.1', 1)"


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (REFUSED, "the connection was refused"),
        ("socket.gaierror: [Errno -2] Name or service not known", "cannot be resolved"),
        (("ssl.SSLCertVerificationError: [SSL: CERTIFICATE_VERIFY_FAILED] certificate verify"
         " failed: self-signed certificate (_ssl.c:1006)"), "certificate is not trusted"),
        ("in uvloop.loop.SSLProtocol._on_handshake_complete\nConnectionResetError",
         "the TLS handshake failed"),
        ("ConnectionResetError: [Errno 104] Connection reset by peer", "closed the connection"),
        ("OSError: [Errno 113] No route to host", "the network does not lead there"),
    ],
)  # fmt: skip
def test_the_cause_of_a_failed_connection_is_found_in_a_traceback(text: str, why: str) -> None:
    error = connection_error(f"Traceback (most recent call last):\n{text}\n")

    assert error is not None
    assert why in error.message
    assert "key" not in error.hint


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ("litellm.InternalServerError: InternalServerError: OpenAIException - Connection error.",
         "The provider cannot be reached."),
        (("litellm.APIConnectionError: OllamaException - Cannot connect to host REDACTED:1"
         " ssl:<ssl.SSLContext object at 0x7f> [Connect call failed ('REDACTED', 1)]"),
         "The provider cannot be reached: the connection was refused."),
    ],
)  # fmt: skip
def test_a_provider_that_cannot_be_reached_did_not_refuse(message: str, expected: str) -> None:
    error = translate(500, message)

    assert (type(error), error.message) == (UpstreamUnreachable, expected)
    assert "key" not in error.hint


def test_another_text_is_no_failed_connection() -> None:
    assert connection_error("KeyError: 'content'") is None
