from __future__ import annotations

from pathlib import Path

import pytest

from gatewayctl.settings.model import Model, Secret
from tests.fakes.projects import problems, project


def model(folder: Path, body: str) -> Model:
    """The one model declared, in a project where only it is declared."""
    settings = project(folder, f"profile: production\nmodels:\n  m: {body}\n")
    (only,) = settings.models
    return only


def complaint(folder: Path, body: str) -> str:
    """The one problem of a model, without its place."""
    (found,) = problems(folder, f"models:\n  m: {body}\n")
    place, message = found.split(": ", 1)
    assert place.startswith("gateway.yaml line 2 column ")
    return message


def test_declared_models_replace_those_of_the_reference_stack(tmp_path: Path) -> None:
    settings = project(tmp_path, "models: {claude: {model: anthropic/claude-sonnet-5}}\n")

    assert [model.name for model in settings.models] == ["claude", "demo"]


def test_a_declared_demo_is_not_replaced(tmp_path: Path) -> None:
    text = "profile: production\nmodels: {demo: {mock_response: Hello}}\n"

    (demo,) = project(tmp_path, text).models

    assert dict(demo.litellm_params) == {"model": "openai/demo", "mock_response": "Hello"}
    assert demo.offline
    assert demo.api_key_env is None


def test_no_models_at_all_can_be_declared(tmp_path: Path) -> None:
    assert project(tmp_path, "profile: production\nmodels: {}\n").models == ()


def test_every_setting_of_a_model_is_kept(tmp_path: Path) -> None:
    found = model(
        tmp_path,
        "{model: openai/x, api_base: 'http://127.0.0.1:8080/v1', api_key_env: X_KEY,"
        " num_retries: 0, timeout: 2.5, params: {temperature: 0, extra_body: {a: [1]},"
        " max_tokens: 9}}",
    )

    assert found == Model(
        name="m",
        litellm_params={
            "model": "openai/x",
            "api_base": "http://127.0.0.1:8080/v1",
            "temperature": 0,
            "extra_body": {"a": [1]},
            "max_tokens": 9,
        },
        api_key_env="X_KEY",
        num_retries=0,
        timeout=2.5,
    )


def test_a_string_alone_is_the_model(tmp_path: Path) -> None:
    found = model(tmp_path, "mistral/mistral-large")

    assert found.litellm_params["model"] == "mistral/mistral-large"
    assert (found.num_retries, found.timeout) == (3, 600)


@pytest.mark.parametrize(
    ("name", "variable"),
    [
        ("openai/gpt-4o", "OPENAI_API_KEY"),
        ("gpt-4o", "OPENAI_API_KEY"),
        ("claude-sonnet-5", "ANTHROPIC_API_KEY"),
        ("anthropic/claude-sonnet-5", "ANTHROPIC_API_KEY"),
        ("gemini/gemini-3-pro", "GEMINI_API_KEY"),
        ("azure/my-deployment", "AZURE_API_KEY"),
        ("mistral/mistral-large", "MISTRAL_API_KEY"),
        ("groq/llama", "GROQ_API_KEY"),
        ("openrouter/openai/gpt-4o", "OPENROUTER_API_KEY"),
        ("ollama/llama3", None),
        ("bedrock/anthropic.claude", None),
        ("gemini-3-pro", None),
        ("unheard-of/model", None),
    ],
)
def test_the_key_is_in_the_providers_usual_variable(
    tmp_path: Path, name: str, variable: str | None
) -> None:
    assert model(tmp_path, f"{{model: {name}}}").api_key_env == variable


def test_another_provider_can_be_named(tmp_path: Path) -> None:
    found = model(tmp_path, "{model: openai/x, params: {custom_llm_provider: groq}}")

    assert found.api_key_env == "GROQ_API_KEY"


@pytest.mark.parametrize("none", ["none", "null", "~"])
def test_a_server_without_keys_never_gets_the_key_of_openai(tmp_path: Path, none: str) -> None:
    found = model(tmp_path, f"{{model: openai/x, api_base: 'http://h', api_key_env: {none}}}")

    assert found.api_key_env is None
    assert found.litellm_params["api_key"] == "none"


def test_a_provider_without_keys_is_sent_no_key(tmp_path: Path) -> None:
    assert "api_key" not in model(tmp_path, "{model: ollama/x, api_key_env: none}").litellm_params


@pytest.mark.parametrize(
    "body",
    [
        "{model: openai/x, api_key: os.environ/MINE}",
        "{model: openai/x, params: {api_key: os.environ/MINE}}",
        "{model: openai/x, params: {api_key_env: MINE}}",
    ],
)
def test_a_reference_to_a_variable_is_understood_as_in_litellm(tmp_path: Path, body: str) -> None:
    found = model(tmp_path, body)

    assert found.api_key_env == "MINE"
    assert dict(found.litellm_params) == {"model": "openai/x"}


def test_litellms_names_are_understood_under_params_too(tmp_path: Path) -> None:
    found = model(tmp_path, "{params: {model: openai/x, num_retries: 7, timeout: 8}}")

    assert (found.litellm_params["model"], found.num_retries, found.timeout) == ("openai/x", 7, 8)


def test_variables_that_models_refer_to_are_in_the_environment(tmp_path: Path) -> None:
    settings = project(
        tmp_path,
        "models:\n  m:\n    model: bedrock/x\n    params:\n"
        "      aws_secret_access_key: os.environ/AWS_SECRET\n"
        "      extra_headers: {X-Api-Key: os.environ/HEADER_KEY}\n",
        env="AWS_SECRET=one\nHEADER_KEY=two\nUNRELATED=three\n",
    )

    assert dict(settings.environment) == {"AWS_SECRET": Secret("one"), "HEADER_KEY": Secret("two")}


@pytest.mark.parametrize(
    "key", ["sk-this-is-a-real-key-0001", "no-key", "none", "7", "os.environ/A-B", "[]"]
)
def test_a_key_written_out_is_refused_and_not_shown(tmp_path: Path, key: str) -> None:
    message = complaint(tmp_path, f"{{model: openai/x, api_key: {key}}}")

    assert message == (
        "models.m.api_key must not contain the key itself: write api_key_env: NAME"
        " and put NAME into .env; for a server without keys write api_key_env: none"
    )


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("{}", "models.m needs model:"),
        ("{model: 5}", "models.m.model must be a string, not '5'"),
        ("{model: ''}", "models.m.model must be a string"),
        ("7", "models.m must be a mapping, not '7'"),
        ("[]", "models.m lists no deployment"),
        ("llama", "models.m.model: 'llama' names no provider: write provider/llama, or openai/"),
        ("{model: openai/a, timeout: 0}", "models.m.timeout must be a positive number of seconds"),
        (
            "{model: openai/a, timeout: .inf}",
            "models.m.timeout must be a positive number of seconds",
        ),
        (
            "{model: openai/a, timeout: true}",
            "models.m.timeout must be a positive number of seconds",
        ),
        (
            "{model: openai/a, num_retries: -1}",
            "models.m.num_retries must be a non-negative integer",
        ),
        (
            "{model: openai/a, num_retries: 1.5}",
            "models.m.num_retries must be a non-negative integer",
        ),
        (
            "{model: openai/a, num_retries: yes}",
            "models.m.num_retries must be a non-negative integer",
        ),
        ("{model: openai/a, mock_response: 3}", "models.m.mock_response must be a string"),
        ("{model: openai/a, api_base: []}", "models.m.api_base must be a string, not a list"),
        *(
            (
                f"{{model: openai/a, api_base: '{text}'}}",
                "models.m.api_base must be a URL such as http://",
            )
            for text in (
                *("localhost:8000/v1", "/v1", "http://", "http://:80", "http://[::1", "host"),
                *("http://h:99999", "http://h:x", "http://h:0", "http://a b/", " http://h"),
            )
        ),
        ("{model: openai/a, params: 3}", "models.m.params must be a mapping, not '3'"),
        ("{model: openai/a, params: {top_p: .nan}}", "models.m.params.top_p must not be infinity"),
        ("{model: openai/a, params: {model: openai/b}}", "models.m.model is given twice"),
        (
            "{model: openai/a, api_key_env: A-B}",
            "models.m.api_key_env must be the name of an environment",
        ),
        (
            "{model: openai/a, api_key_env: [A]}",
            "models.m.api_key_env must be the name of an environment",
        ),
        (
            "{model: openai/a, api_key_env: A, api_key: os.environ/A}",
            "models.m has both api_key and api_key_env",
        ),
        (
            "{model: openai/a, temperature: 1}",
            "unknown setting 'temperature' in models.m (known: ",
        ),
        (
            "{model: openai/a, modle: b}",
            "unknown setting 'modle' in models.m (did you mean 'model'?)",
        ),
        ("{model: openai/a, api_key_env: LITELLM_MASTER_KEY}", "models.m.api_key_env must not use"),
        (
            "{model: openai/a, api_key: os.environ/POSTGRES_PASSWORD}",
            "models.m.api_key must not use POSTGRES_PASSWORD",
        ),
    ],
)
def test_a_wrong_model_is_refused_with_a_message(tmp_path: Path, body: str, message: str) -> None:
    assert complaint(tmp_path, body).startswith(message)


def test_the_message_about_an_unknown_parameter_names_where_it_belongs(tmp_path: Path) -> None:
    assert complaint(tmp_path, "{model: openai/a, temperature: 1}").endswith(
        "; other parameters of LiteLLM go under params:"
    )


@pytest.mark.parametrize("name", ['" m"', '"a\\nb"', '""', f'"{"x" * 201}"'])
def test_a_model_name_must_fit_on_a_line(tmp_path: Path, name: str) -> None:
    (found,) = problems(tmp_path, f"models:\n  ? {name}\n  : openai/x\n")

    assert "must be printable" in found


def test_a_name_cannot_bring_terminal_codes_into_a_message(tmp_path: Path) -> None:
    (found,) = problems(tmp_path, 'models:\n  "\\e[31m\\n": openai/x\n')

    assert "'\\x1b[31m\\x0a'" in found


def test_two_models_of_one_name_are_refused(tmp_path: Path) -> None:
    (found,) = problems(tmp_path, "models:\n  m: openai/a\n  m: openai/b\n")

    assert found == "gateway.yaml line 3 column 3: 'm' is given twice, first on line 2"


def test_models_must_be_a_mapping(tmp_path: Path) -> None:
    (found,) = problems(tmp_path, "models: [gpt-4o]\n")

    assert found == "gateway.yaml line 1 column 9: models must be a mapping, not a list"


@pytest.mark.parametrize(
    "address",
    [
        *("http://127.0.0.1:8080/v1", "https://api.example.org", "http://[::1]:80/", "HTTPS://h"),
        *(
            "os.environ/BASE",
            "http://b\u00fccher.example/v1?a=%20#x",
            "wss://h/{model}",
            "http://h_1",
        ),
    ],
)
def test_any_address_with_a_host_is_taken_unchanged(tmp_path: Path, address: str) -> None:
    found = model(tmp_path, f"{{model: openai/a, api_base: '{address}'}}")

    assert found.litellm_params["api_base"] == address


def test_a_name_that_litellm_reads_as_several_is_refused(tmp_path: Path) -> None:
    (found,) = problems(tmp_path, "models:\n  'fast, cheap': openai/x\n")

    assert found.startswith("gateway.yaml line 2 column 3: models.fast, cheap: ")
    assert "a comma" in found


@pytest.mark.parametrize(
    "entry",
    [
        "模型: openai/x",
        "m: openai/\N{ROCKET}",
        "m: {model: openai/\N{EURO SIGN}}",
        "m: {model: openai/x, api_base: 'http://例え.jp'}",
    ],
)
def test_what_fits_in_no_header_of_litellm_is_refused(tmp_path: Path, entry: str) -> None:
    (found,) = problems(tmp_path, f"models:\n  {entry}\n")

    assert "each call would fail, because LiteLLM sends this in an HTTP header" in found
    assert not problems(tmp_path, "models:\n  modèle ñ: openai/ü\n")
