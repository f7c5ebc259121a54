from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from gatewayctl.rendering.kubernetes.environment import (
    app_environment,
    litellm_environment,
    migration_environment,
    phoenix_environment,
)
from gatewayctl.settings.model import Settings
from tests.fakes.projects import project

FOREIGN = "tracing: {endpoint: 'https://t.example.com', api_key_env: TRACES}\n"


def cluster(folder: Path, gateway_yaml: str = "") -> Settings:
    return project(folder / "shop", f"runtime: kubernetes\n{gateway_yaml}")


def values(variables: list[dict[str, Any]]) -> dict[str, Any]:
    """Literal values, and references as ``SECRET.KEY``."""
    found = {}
    for variable in variables:
        reference = variable.get("valueFrom", {}).get("secretKeyRef")
        key = reference and f"{reference['name']}.{reference['key']}"
        found[variable["name"]] = key or variable["value"]
    return found


def test_the_password_is_inserted_into_the_address_by_kubernetes(tmp_path: Path) -> None:
    variables = litellm_environment(cluster(tmp_path))

    found = values(variables)
    assert found["DATABASE_URL"] == (
        "postgresql://litellm_user:$(LITELLM_POSTGRES_PASSWORD)@postgres-litellm:5432/litellm"
    )
    assert found["LITELLM_POSTGRES_PASSWORD"] == "litellm.LITELLM_POSTGRES_PASSWORD"


def test_a_database_of_the_operator_has_the_operator_s_password(tmp_path: Path) -> None:
    settings = cluster(tmp_path, "kubernetes: {postgres: cloudnative-pg}\n")

    found = values(litellm_environment(settings))
    assert found["LITELLM_POSTGRES_PASSWORD"] == "postgres-litellm-app.password"
    assert "@postgres-litellm-rw:5432/" in found["DATABASE_URL"]
    phoenix = values(phoenix_environment(settings))
    assert phoenix["PHOENIX_POSTGRES_PASSWORD"] == "postgres-phoenix-app.password"
    assert phoenix["PHOENIX_POSTGRES_HOST"] == "postgres-phoenix-rw"


def test_a_database_of_others_is_named_by_its_variable(tmp_path: Path) -> None:
    settings = cluster(tmp_path, "services: {postgres: MINE}\nkubernetes: {secrets: vault}\n")

    assert values(litellm_environment(settings))["DATABASE_URL"] == "vault.MINE"
    assert values(migration_environment(settings))["DATABASE_URL"] == "vault.MINE"


def test_only_the_job_changes_the_schema(tmp_path: Path) -> None:
    settings = cluster(
        tmp_path, "services: {litellm: {environment: {DISABLE_SCHEMA_UPDATE: 'false'}}}\n"
    )

    assert values(litellm_environment(settings))["DISABLE_SCHEMA_UPDATE"] == "true"
    assert "DISABLE_SCHEMA_UPDATE" not in values(migration_environment(settings))
    assert "LITELLM_MASTER_KEY" not in values(migration_environment(settings))


def test_dollars_of_the_operator_stay_dollars(tmp_path: Path) -> None:
    settings = cluster(
        tmp_path,
        "services: {litellm: {environment: {A: '$(B) $$'}}}\n"
        "apps: {web: {image: 'w:1', environment: {A: '$(B) $$'}}}\n",
    )

    assert values(litellm_environment(settings))["A"] == "$$(B) $$$$"
    assert values(app_environment(settings.apps[0], settings))["A"] == "$$(B) $$$$"


def test_credentials_of_a_trace_store_are_inserted_into_its_headers(tmp_path: Path) -> None:
    settings = cluster(tmp_path, f"{FOREIGN}apps: {{web: 'w:1'}}\n")

    variables = litellm_environment(settings)
    (exporter,) = json.loads(values(variables)["EXPORTERS"])
    names = [variable["name"] for variable in variables]
    assert exporter["headers"] == "authorization=Bearer%20$(TRACES)"
    assert names.index("TRACES") < names.index("EXPORTERS")
    app = app_environment(settings.apps[0], settings)
    assert app[0]["name"] == "TRACES"
    assert values(app)["OTEL_EXPORTER_OTLP_HEADERS"].endswith("$(TRACES)")


def test_an_app_may_override_addresses_but_not_those_of_the_gateway(tmp_path: Path) -> None:
    settings = cluster(
        tmp_path,
        "apps: {web: {image: 'w:1', environment: {OTEL_SERVICE_NAME: mine, TOKEN:"
        " os.environ/SHOP}}}\n",
    )

    found = values(app_environment(settings.apps[0], settings))
    assert found["OTEL_SERVICE_NAME"] == "mine"
    assert found["LLM_BASE_URL"] == "http://litellm:4000"
    assert found["LLM_API_KEY"] == "app-web.LITELLM_API_KEY"
    assert found["TOKEN"] == "app-web.SHOP"


def test_hosts_of_the_cluster_need_no_proxy_nor_do_the_operator_s(tmp_path: Path) -> None:
    settings = project(tmp_path, "runtime: kubernetes\n", env="NO_PROXY=.intern.example.com\n")

    hosts = values(litellm_environment(settings))["NO_PROXY"].split(",")
    assert {"litellm", "phoenix", ".svc", ".svc.cluster.local", ".intern.example.com"} <= set(hosts)


def test_the_drain_is_authorized_by_the_master_key(tmp_path: Path) -> None:
    found = values(litellm_environment(cluster(tmp_path)))

    assert found["DRAIN_ENDPOINT_TOKEN"] == "litellm.LITELLM_MASTER_KEY"
