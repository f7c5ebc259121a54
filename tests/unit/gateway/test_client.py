from __future__ import annotations

import traceback
from collections.abc import Callable, Iterator

import httpx
import pytest
import respx

from gatewayctl.errors import (
    GatewayctlError,
    GatewayRefused,
    GatewayTimeout,
    GatewayUnreachable,
    SettingsProblem,
)
from gatewayctl.gateway.client import GatewayClient
from gatewayctl.settings.model import Secret
from gatewayctl.transport import new_http_client

URL = "http://127.0.0.1:4000"
KEY = Secret("sk-master-0123456789abcdef")


@pytest.fixture
def router() -> respx.MockRouter:
    return respx.MockRouter(assert_all_called=False)


@pytest.fixture
def gateway(router: respx.MockRouter) -> Iterator[GatewayClient]:
    with new_http_client(httpx.MockTransport(router.handler)) as http:
        yield GatewayClient(http, URL)


def call(gateway: GatewayClient) -> object:
    return gateway.call("GET", "/key/list", key=KEY, role="master", params={"page": 1})


def test_an_answer_is_parsed_and_the_key_is_sent_as_bearer_token(
    router: respx.MockRouter, gateway: GatewayClient
) -> None:
    route = router.get(f"{URL}/key/list?page=1").respond(json={"keys": []})

    assert call(gateway) == {"keys": []}
    assert route.calls.last.request.headers["authorization"] == f"Bearer {KEY.reveal()}"


@pytest.mark.parametrize(
    ("failure", "expected"),
    [
        (httpx.ConnectError("[Errno 111] Connection refused"), GatewayUnreachable),
        (httpx.ConnectTimeout("timed out"), GatewayUnreachable),
        (httpx.ReadTimeout("timed out"), GatewayTimeout),
        (httpx.ReadError("Connection reset by peer"), GatewayUnreachable),
        (httpx.RemoteProtocolError("disconnected"), GatewayUnreachable),
    ],
)
def test_a_transport_failure_is_reported_with_the_address(
    router: respx.MockRouter,
    gateway: GatewayClient,
    failure: Exception,
    expected: type[GatewayctlError],
) -> None:
    router.get(path="/key/list").mock(side_effect=failure)

    with pytest.raises(expected, match=r"LiteLLM.* at http://127\.0\.0\.1:4000"):
        call(gateway)


def test_the_message_of_the_system_is_kept_without_its_errno(
    router: respx.MockRouter, gateway: GatewayClient
) -> None:
    router.get(path="/key/list").mock(side_effect=httpx.ConnectError("[Errno 111] Refused"))

    with pytest.raises(GatewayUnreachable, match=r"\(Refused\)"):
        call(gateway)


def test_a_redirect_is_never_followed(router: respx.MockRouter, gateway: GatewayClient) -> None:
    away = router.get("http://evil.test/").respond(json={})
    router.get(path="/key/list").respond(302, headers={"location": "http://evil.test/"})

    with pytest.raises(GatewayUnreachable, match="redirects"):
        call(gateway)
    assert not away.called


def test_an_answer_that_is_not_json_is_from_another_service(
    router: respx.MockRouter, gateway: GatewayClient
) -> None:
    router.get(path="/key/list").respond(html="<html>hello</html>")

    with pytest.raises(GatewayUnreachable, match="used by another service"):
        call(gateway)


def test_a_404_is_none_only_if_requested(router: respx.MockRouter, gateway: GatewayClient) -> None:
    router.get(path="/key/list").respond(404, json={"error": {"message": "no"}})

    with pytest.raises(GatewayRefused):
        call(gateway)
    assert gateway.call("GET", "/key/list", key=KEY, role="master", none_if_absent=True) is None


def test_the_master_key_is_not_sent_in_clear_text_to_another_machine(
    router: respx.MockRouter,
) -> None:
    route = router.route().respond(json={})
    # 192.0.2.0/24 is reserved for documentation: no machine has such an address.
    with (
        new_http_client(httpx.MockTransport(router.handler)) as http,
        pytest.raises(SettingsProblem, match=r"clear text to 192\.0\.2\.1"),
    ):
        call(GatewayClient(http, "http://192.0.2.1:4000"))

    assert not route.called


@pytest.mark.parametrize("host", ["localhost", "127.0.0.2", "[::1]"])
def test_the_master_key_is_sent_to_an_address_of_this_machine(
    router: respx.MockRouter, host: str
) -> None:
    router.get(path="/key/list").respond(json={"keys": []})
    with new_http_client(httpx.MockTransport(router.handler)) as http:
        assert call(GatewayClient(http, f"http://{host}:4000")) == {"keys": []}


def _timeout() -> httpx.Response:
    raise httpx.ReadTimeout("timed out")


@pytest.mark.parametrize(
    "answer",
    [
        lambda: httpx.Response(401, json={"error": {"message": f"Received={KEY.reveal()}"}}),
        lambda: httpx.Response(500, text=f"boom {KEY.reveal()}"),
        lambda: httpx.Response(200, text="no json"),
        _timeout,
    ],
)
def test_no_key_is_in_an_error_or_its_traceback(
    router: respx.MockRouter, gateway: GatewayClient, answer: Callable[[], httpx.Response]
) -> None:
    router.get(path="/key/list").mock(side_effect=lambda _: answer())

    with pytest.raises(GatewayctlError) as caught:
        call(gateway)

    assert KEY.reveal() not in "".join(traceback.format_exception(caught.value))


def test_proxies_of_the_environment_are_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://192.0.2.1:3128")
    with new_http_client() as http:
        assert not http.trust_env
        assert not http._mounts


def test_an_answer_that_cannot_be_decoded_is_from_another_service(
    router: respx.MockRouter, gateway: GatewayClient
) -> None:
    router.get(path="/key/list").mock(side_effect=httpx.DecodingError("incorrect header check"))

    with pytest.raises(GatewayUnreachable, match="sends an answer that cannot be read"):
        call(gateway)


@pytest.mark.parametrize(
    "failure", [KeyError("a"), TypeError("a"), AttributeError("a"), OverflowError("a")]
)
def test_an_answer_of_another_shape_is_an_error_of_ours(
    gateway: GatewayClient, failure: Exception
) -> None:
    with (
        pytest.raises(GatewayRefused, match="answered without a list"),
        gateway.expecting("a list"),
    ):
        raise failure
