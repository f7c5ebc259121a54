from __future__ import annotations

from pathlib import Path

from gatewayctl.rendering.kubernetes.secrets import PlannedSecret, plan_secrets
from tests.fakes.projects import project
from tests.unit.rendering.kubernetes.projects import load


def planned(folder: Path, gateway_yaml: str) -> dict[str, PlannedSecret]:
    found = plan_secrets(project(folder, f"runtime: kubernetes\n{gateway_yaml}"))
    return {secret.service: secret for secret in found}


def test_each_service_gets_only_its_own_variables(tmp_path: Path) -> None:
    found = planned(tmp_path, "kubernetes: {replicas: 2}\n")

    assert {name: secret.variables for name, secret in found.items()} == {
        "litellm": (
            "LITELLM_MASTER_KEY",
            "LITELLM_SALT_KEY",
            "UI_PASSWORD",
            "LITELLM_POSTGRES_PASSWORD",
            "REDIS_PASSWORD",
        ),
        "postgres-litellm": ("LITELLM_POSTGRES_PASSWORD",),
        "postgres-phoenix": ("POSTGRES_PASSWORD",),
        "phoenix": ("POSTGRES_PASSWORD",),
        "redis": ("REDIS_PASSWORD",),
    }
    assert all(secret.name == name for name, secret in found.items())


def test_keys_of_providers_and_proxies_may_be_missing(tmp_path: Path) -> None:
    optional = planned(tmp_path, "models: {claude: anthropic/claude-sonnet-5}\n")[
        "litellm"
    ].optional

    assert "ANTHROPIC_API_KEY" in optional
    assert {"HTTPS_PROXY", "https_proxy"} <= set(optional)
    assert "OPENAI_API_KEY" not in optional


def test_a_database_of_others_is_one_variable(tmp_path: Path) -> None:
    found = planned(tmp_path, "services: {postgres: DATABASE}\ntracing: none\n")

    assert set(found) == {"litellm"}
    assert "DATABASE" in found["litellm"].variables
    assert "LITELLM_POSTGRES_PASSWORD" not in found["litellm"].variables


def test_the_operator_of_the_databases_makes_their_secrets(tmp_path: Path) -> None:
    assert set(planned(tmp_path, "kubernetes: {postgres: cloudnative-pg}\n")) == {"litellm"}


def test_a_secret_that_exists_has_the_keys_of_all(tmp_path: Path) -> None:
    found = planned(tmp_path, 'kubernetes: {secrets: vault, replicas: 2}\napps: {web: "w:1"}\n')

    assert {secret.name for secret in found.values()} == {"vault"}


def test_an_app_gets_its_key_and_what_it_refers_to(tmp_path: Path) -> None:
    found = planned(
        tmp_path,
        "tracing: {endpoint: 'https://t.example.com', api_key_env: TRACES}\n"
        "apps: {web: {image: 'w:1', environment: {A: os.environ/B, C: d}}}\n",
    )

    assert found["web"] == PlannedSecret(
        name="app-web",
        service="web",
        # Inserted into a value: it has to be there, and may be empty.
        variables=("TRACES",),
        optional=("LITELLM_API_KEY", "B"),
    )


def test_mounted_files_are_keys_with_the_place_of_their_content(tmp_path: Path) -> None:
    found = plan_secrets(load(tmp_path, "mirror"))

    (files,) = (secret.files for secret in found if secret.files)
    assert {key: path.name for key, path in files.items()} == {
        "etc_vertex.json": "vertex.json",
        "etc_more_a_b.txt": "b.txt",
        "etc_more_c.bin": "c.bin",
    }
