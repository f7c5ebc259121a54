"""No output contains a secret of .env or a key of a provider, whatever it comes from."""

from __future__ import annotations

import json
from urllib.parse import quote

import pytest

from gatewayctl.runtimes.base import LogLine, ServiceState
from gatewayctl.settings.load import load_settings
from tests.fakes.runtime import FakeRuntime
from tests.integration.stack_project import Project, document, master_key_of

# Another application's secrets, in the file that the project shares with it.
OF_ENV = {
    "STRIPE_SECRET": "of-another-application",
    "SHOP_DATABASE": "postgresql://shop:p@ss-word/9@db/shop",
    "SIGNING_KEY": "first-line-of-the-key\\nsecond-line-of-the-key",
}
HIDDEN = ["of-another-application", "p@ss-word/9", "first-line-of", "second-line-of"]
# A provider that quotes the key it refuses, as Gemini does, and headers of requests.
FOREIGN = [
    "AIzaSyD-9tSrke72PouQMnMX-a7eZSW0jkFMBWY",
    "gsk_a1B2c3D4e5F6g7H8i9J0k1L2m3N4",
    "0123456789abcdef-of-the-header",
    "hunter2hunter2",
]
SAYS = (
    f"400 API key not valid: {FOREIGN[0]}; x-api-key: {FOREIGN[2]}",
    f"GET /v1?token={FOREIGN[1]} of-another-application {quote('p@ss-word/9', safe='')}",
    "psql: postgresql://shop:hunter2hunter2@db/shop refused 'p@ss-word/9'",
    "-----BEGIN PRIVATE KEY-----",
    "MIIEpAIBAAKCAQEA0Z3VS5JJcds3xfn",
    "-----END PRIVATE KEY-----",
    "first-line-of-the-key",
    "second-line-of-the-key",
)
SECRET = [*HIDDEN, *FOREIGN, quote("p@ss-word/9", safe=""), "MIIEpAIBAAKCAQEA0Z3VS5JJcds3xfn"]


class Buggy(FakeRuntime):
    def states(self) -> tuple[ServiceState, ...]:
        raise ValueError("\n".join(SAYS))


@pytest.fixture
def talkative(project: Project) -> Project:
    """A project of which every part prints secrets."""
    project.litellm.master = master_key_of(project)
    with (project.folder / ".env").open("a", encoding="utf-8") as file:
        file.writelines(f'{name}="{value}"\n' for name, value in OF_ENV.items())
    # As the registry of runtimes does, in the place of which stands a fake.
    load_settings(project.folder, environ={})
    project.runtime.lines = tuple(LogLine(service="litellm", text=text) for text in SAYS)
    project.runtime.words["litellm"] = "\n".join(SAYS)
    project.runtime.details["litellm"] = SAYS[0]
    return project


@pytest.mark.parametrize("json_", [(), ("--json",)], ids=["text", "json"])
@pytest.mark.parametrize(
    "words", [("logs",), ("up",), ("status",), ("doctor",), ("chat", "--model", "demo", "Hello")]
)
def test_no_command_prints_a_secret(
    words: tuple[str, ...], json_: tuple[str, ...], talkative: Project
) -> None:
    talkative.runtime.looks = [{}, {"litellm": "failed"}]

    result = talkative.run(*words, *json_)

    assert [secret for secret in SECRET if secret in result.output] == []


def test_the_log_of_a_service_that_fails_is_readable(talkative: Project) -> None:
    talkative.runtime.looks = [{}, {"litellm": "failed"}]

    shown = talkative.run("up").stderr

    assert "400 API key not valid: AIza…MBWY; x-api-key: …ader" in shown
    assert "GET /v1?token=gsk_…m3N4 …tion …" in shown


@pytest.mark.parametrize("words", [("status",), ("-v", "status"), ("status", "--json")])
def test_no_internal_error_contains_a_secret(words: tuple[str, ...], talkative: Project) -> None:
    talkative.runtime = Buggy()

    result = talkative.run(*words)

    assert result.exit_code == 1
    assert [secret for secret in SECRET if secret in result.output] == []


def test_a_usage_error_does_not_repeat_a_key(project: Project) -> None:
    for words in (("keys", "list", FOREIGN[0]), ("keys", "list", FOREIGN[0], "--json")):
        result = project.run(*words)

        assert result.exit_code == 2
        assert "AIza…MBWY" in result.output
        assert FOREIGN[0] not in result.output


def test_commands_whose_purpose_it_is_print_the_key(ready: Project) -> None:
    key = ready.secrets()["LITELLM_API_KEY"]

    assert f"LLM_API_KEY={key}" in ready.run("env").stdout
    assert document(ready.run("env", "--json"))["data"]["variables"]["LLM_API_KEY"] == key
    assert key in ready.run("keys", "create", "--show").stdout
    shown = json.dumps(document(ready.run("keys", "create", "--show", "--json")))
    assert key in shown
