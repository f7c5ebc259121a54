"""The official charts take our values: needs `helm`, and both charts in GATEWAYCTL_TEST_CHARTS.

That is a folder with ``litellm/`` (helm/litellm of BerriAI/litellm) and ``phoenix/`` (helm of
Arize-ai/phoenix, with its dependency).
"""

from __future__ import annotations

import copy
import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from gatewayctl.rendering.kubernetes.config_map import config_files, volume_mounts
from gatewayctl.rendering.kubernetes.environment import litellm_environment, migration_environment
from gatewayctl.rendering.kubernetes.litellm_chart import needed_secrets
from gatewayctl.rendering.kubernetes.objects import container_security, litellm_life, pod
from gatewayctl.rendering.kubernetes.resources import resources
from gatewayctl.rendering.plan import litellm_files
from gatewayctl.settings.model import Settings
from tests.unit.rendering.kubernetes.object_set import Object
from tests.unit.rendering.kubernetes.projects import PROJECTS, load
from tests.unit.rendering.kubernetes.test_chart_values import TEMPLATES, values
from tests.unit.rendering.kubernetes.test_valid_objects import NEWEST

CHARTS = Path(os.environ.get("GATEWAYCTL_TEST_CHARTS", "/nowhere"))
if shutil.which("helm") is None or not all(
    (CHARTS / name).is_dir() for name in ("litellm", "phoenix")
):
    pytest.skip("no helm, or no charts in GATEWAYCTL_TEST_CHARTS", allow_module_level=True)
WITH_PHOENIX = [name for name in PROJECTS if name != "no traces"]
WHOLE = {"extraEnv", "extraResources", "additionalEnv", "secret", "volumes", "volumeMounts"}
"""Values that the charts write as they are."""


def helm(chart: str, given: dict[str, Any], folder: Path) -> subprocess.CompletedProcess[str]:
    file = folder / "values.yaml"
    file.write_text(yaml.safe_dump(given))
    return subprocess.run(
        ["helm", "template", chart, str(CHARTS / chart), "--values", str(file)],
        capture_output=True,
        text=True,
        check=False,
    )


@dataclass(frozen=True)
class Release:
    """A project, and the objects of LiteLLM's chart with its values."""

    settings: Settings
    objects: list[Object]

    @property
    def deployment(self) -> Object:
        return only(self.objects, "Deployment")

    @property
    def job(self) -> Object:
        return only(self.objects, "Job")


@pytest.fixture(scope="module", params=PROJECTS)
def release(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Release:
    folder = tmp_path_factory.mktemp("release")
    settings = load(folder, request.param)
    return Release(settings, template(settings, "litellm", folder))


def template(settings: Settings, chart: str, folder: Path) -> list[Object]:
    """The objects of the chart with our values, without those of `helm test`."""
    done = helm(chart, values(settings, chart), folder)
    assert done.returncode == 0, done.stderr
    objects = [item for item in yaml.safe_load_all(done.stdout) if item]
    return [item for item in objects if hook(item) != "test"]


def hook(item: Object) -> str | None:
    return (item["metadata"].get("annotations") or {}).get("helm.sh/hook")


def only(objects: list[Object], kind: str) -> Object:
    (found,) = (item for item in objects if item["kind"] == kind)
    return found


def kinds(objects: list[Object]) -> set[str]:
    return {item["kind"] for item in objects}


def pod_of(item: Object) -> Object:
    found: Object = item["spec"]["template"]["spec"]
    return found


def container_of(item: Object) -> Object:
    found: Object
    (found,) = pod_of(item)["containers"]
    return found


def environment_of(item: Object) -> dict[str, Any]:
    """Each variable of the container; a cluster refuses one that is set twice."""
    container = container_of(item)
    names = [each["name"] for each in container["env"]]
    assert sorted(names) == sorted(set(names))
    assert "envFrom" not in container
    return {each["name"]: each.get("value", each.get("valueFrom")) for each in container["env"]}


def by_name(variables: list[dict[str, Any]]) -> dict[str, Any]:
    return {each["name"]: each.get("value", each.get("valueFrom")) for each in variables}


def credentials(settings: Settings) -> tuple[dict[str, Any], dict[str, Any]]:
    """References to the user and the password of LiteLLM's database."""
    given = values(settings)["database"]["writer"]["passwordSecret"]
    user, password = (
        {"secretKeyRef": {"name": given["name"], "key": given[key]}}
        for key in ("usernameKey", "passwordKey")
    )
    return user, password


def test_litellm_s_pods_have_the_same_variables_as_without_the_chart(release: Release) -> None:
    settings = release.settings

    found = environment_of(release.deployment)

    user, password = credentials(settings)
    expected = by_name(litellm_environment(settings))
    for variable in ("NO_PROXY", "no_proxy"):
        expected[variable] = expected[variable].replace(",phoenix,", ",phoenix-svc,")
    expected = {
        key: value.replace("//phoenix:", "//phoenix-svc:") if isinstance(value, str) else value
        for key, value in expected.items()
    }
    if "REDIS_PASSWORD" in expected:
        secret = values(settings)["redis"]["passwordSecret"]["name"]
        reference = {"name": secret, "key": "REDIS_PASSWORD"}
        expected |= {"REDIS_HOST": "redis", "REDIS_PORT": "6379"}
        expected["REDIS_PASSWORD"] = {"secretKeyRef": reference}
    if settings.services.postgres is None:
        del expected["DATABASE_URL"], expected["LITELLM_POSTGRES_PASSWORD"]
        assert found["DATABASE_HOST"] == values(settings)["database"]["writer"]["host"]
    elif settings.services.postgres.url_env != "DATABASE_URL":
        del expected[settings.services.postgres.url_env]
    assert (found["DATABASE_USER"], found["DATABASE_PASSWORD"]) == (user, password)
    assert found["DATABASE_USERNAME"] == user
    assert found["NUM_WORKERS"] == str(settings.pod_workers)
    of_chart = {"LENS_WORKER_IMAGE", "NUM_WORKERS", "PROXY_MASTER_KEY"}
    of_chart |= {name for name in found if name.startswith("DATABASE_") and name != "DATABASE_URL"}
    left = {key: value for key, value in found.items() if key not in of_chart}
    assert left == {key: value for key, value in expected.items() if key not in of_chart}


def test_a_job_migrates_before_the_pods_of_a_release_start(release: Release) -> None:
    settings = release.settings
    job = release.job

    found = environment_of(job)

    assert hook(job) == "pre-install,pre-upgrade"
    assert job["spec"]["activeDeadlineSeconds"] == 1800
    assert container_of(job)["args"] == ["migrations"]
    assert container_of(job)["image"] == container_of(release.deployment)["image"]
    ours = by_name(migration_environment(settings))
    needed = ("HOME", "LITELLM_MIGRATION_DIR", "LITELLM_UI_PATH", "LITELLM_MODE")
    assert {key: found[key] for key in needed} == {key: ours[key] for key in needed}
    if settings.services.postgres is None:
        user, password = credentials(settings)
        assert (found["DATABASE_USER"], found["DATABASE_PASSWORD"]) == (user, password)
        assert "DATABASE_URL" not in found
    else:
        assert found["DATABASE_URL"] == ours["DATABASE_URL"]
    # Only what needs the database has its credentials, and nothing else of the project's secrets.
    assert {"LITELLM_MASTER_KEY", "LITELLM_SALT_KEY", "OPENAI_API_KEY"}.isdisjoint(found)
    # A hook runs before the objects of the release exist.
    mounted = {volume["name"]: volume for volume in pod_of(job)["volumes"]}
    assert mounted == {"tmp": {"name": "tmp", "emptyDir": {}}}
    assert pod_of(job)["serviceAccountName"] == "default"


def test_litellm_s_pods_live_and_are_restricted_as_without_the_chart(release: Release) -> None:
    settings = release.settings
    deployment, job = release.deployment, release.job

    container, found = container_of(deployment), pod_of(deployment)

    life = litellm_life(settings)
    assert found["terminationGracePeriodSeconds"] == life["terminationGracePeriodSeconds"]
    assert container["lifecycle"] == life["lifecycle"]
    for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
        assert life[probe].items() <= container[probe].items()
    assert deployment["spec"]["strategy"] == {
        "type": "RollingUpdate",
        "rollingUpdate": {"maxUnavailable": 0, "maxSurge": 1},
    }
    assert container["resources"] == resources(settings, "litellm")
    assert container_of(job)["resources"] == resources(settings, "litellm-migrate")
    assert container["ports"] == [{"name": "http", "containerPort": 4000, "protocol": "TCP"}]
    for each in (deployment, job):
        assert pod_of(each)["securityContext"] == pod(settings, "litellm")["securityContext"]
        assert container_of(each)["securityContext"] == container_security(read_only=False)
        assert pod_of(each)["automountServiceAccountToken"] is False
        pulled = [{"name": secret} for secret in settings.kubernetes.image_pull_secrets]
        assert pod_of(each).get("imagePullSecrets", []) == pulled


def test_litellm_finds_its_files_where_it_does_without_the_chart(release: Release) -> None:
    settings, deployment = release.settings, release.deployment
    config_map = only(release.objects, "ConfigMap")
    container = container_of(deployment)

    (volume,) = (volume for volume in pod_of(deployment)["volumes"] if volume["name"] == "config")

    files = config_files(litellm_files(settings, TEMPLATES))
    assert container["args"] == ["proxy", "--port", "4000", "--config", "/app/config.yaml"]
    assert container["volumeMounts"] == volume_mounts(settings, files)
    assert volume["configMap"] == {"name": config_map["metadata"]["name"]}
    # `test_chart_values.py` compares the configuration.
    (given,) = values(settings)["extraResources"]
    config = {"litellm_config.yaml": given["data"]["litellm_config.yaml"]}
    assert config_map["data"] == {**files.data, **config}


def test_the_objects_of_litellm_s_chart_fit_together(release: Release) -> None:
    settings = release.settings
    kubernetes, objects, deployment = settings.kubernetes, release.objects, release.deployment
    labels = deployment["spec"]["template"]["metadata"]["labels"]

    service = only(objects, "Service")
    assert service["metadata"]["name"] == "litellm"
    assert service["spec"]["ports"][0]["port"] == 4000
    assert service["spec"]["selector"].items() <= labels.items()
    for each in pod_of(deployment)["topologySpreadConstraints"]:
        assert each["labelSelector"]["matchLabels"].items() <= labels.items()
    usual = {"ConfigMap", "Deployment", "Job", "Service", "ServiceAccount"}
    wanted = {
        "HorizontalPodAutoscaler": kubernetes.autoscaling is not None,
        "Ingress": kubernetes.ingress is not None and not kubernetes.ingress.gateway,
        "PodDisruptionBudget": kubernetes.most_replicas > 1,
    }
    assert kinds(objects) == usual | {kind for kind in wanted if wanted[kind]}
    if wanted["PodDisruptionBudget"]:
        budget = only(objects, "PodDisruptionBudget")["spec"]
        assert budget["selector"]["matchLabels"].items() <= labels.items()
        assert budget["maxUnavailable"] == 1
    if kubernetes.autoscaling is None:
        assert deployment["spec"]["replicas"] == kubernetes.replicas
    else:
        scaler = only(objects, "HorizontalPodAutoscaler")["spec"]
        assert "replicas" not in deployment["spec"]
        assert scaler["scaleTargetRef"]["name"] == deployment["metadata"]["name"]
        assert (scaler["minReplicas"], scaler["maxReplicas"]) == (2, 20)
        assert [metric["resource"]["name"] for metric in scaler["metrics"]] == ["cpu"]
    if wanted["Ingress"]:
        (rule,) = only(objects, "Ingress")["spec"]["rules"]
        (path,) = rule["http"]["paths"]
        assert path["backend"]["service"] == {"name": "litellm", "port": {"number": 4000}}


def test_every_object_of_litellm_s_chart_fits_the_newest_schema_strictly(release: Release) -> None:
    """`validate` raises for what does not fit."""
    for item in release.objects:
        kubernetes_validate.validate(item, NEWEST, strict=True)


def test_the_header_lists_each_secret_that_litellm_s_pods_refer_to(release: Release) -> None:
    settings = release.settings
    found: dict[str, set[str]] = {}
    for item in (release.deployment, release.job):
        for each in environment_of(item).values():
            if not isinstance(each, str):
                reference = each["secretKeyRef"]
                key = f"[{reference['key']}]" if reference.get("optional") else reference["key"]
                found.setdefault(reference["name"], set()).add(key)
        secrets = {
            volume["name"]: volume["secret"]["secretName"]
            for volume in pod_of(item)["volumes"]
            if "secret" in volume
        }
        for mount in container_of(item)["volumeMounts"]:
            if mount["name"] in secrets:
                found.setdefault(secrets[mount["name"]], set()).add(mount["subPath"])
    listed = needed_secrets(values(settings))
    assert {secret: set(keys) for secret, keys in listed.items()} == found


@pytest.mark.parametrize("name", WITH_PHOENIX)
def test_phoenix_s_chart_takes_the_values(tmp_path: Path, name: str) -> None:
    settings = load(tmp_path, name)
    objects = template(settings, "phoenix", tmp_path)

    for item in objects:
        kubernetes_validate.validate(item, NEWEST, strict=True)
    deployment = only(objects, "Deployment")
    container, found = container_of(deployment), pod_of(deployment)
    assert found["securityContext"]["runAsNonRoot"] is True
    assert found["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert (
        container_security(read_only=True).items()
        <= {
            **container["securityContext"],
            "capabilities": {"drop": container["securityContext"]["capabilities"]["drop"]},
        }.items()
    )
    assert deployment["spec"]["strategy"] == {"type": "Recreate"}
    assert container["resources"] == resources(settings, "phoenix")
    assert container["readinessProbe"]["timeoutSeconds"] == 6
    assert container["livenessProbe"]["failureThreshold"] == 6
    service = only(objects, "Service")
    assert service["metadata"]["name"] == "phoenix-svc"
    assert service["spec"]["type"] == "ClusterIP"
    assert {port["port"] for port in service["spec"]["ports"]} >= {6006, 4317}
    assert service["spec"]["selector"].items() <= (
        deployment["spec"]["template"]["metadata"]["labels"].items()
    )
    password = by_name(container["env"])["PHOENIX_POSTGRES_PASSWORD"]["secretKeyRef"]
    is_operator_s = settings.kubernetes.postgres == "cloudnative-pg"
    assert password["key"] == ("password" if is_operator_s else "POSTGRES_PASSWORD")
    variables = only(objects, "ConfigMap")["data"]
    assert "PHOENIX_POSTGRES_PASSWORD" not in variables
    assert variables["PHOENIX_POSTGRES_HOST"].startswith("postgres-phoenix")
    assert variables["PHOENIX_TELEMETRY_ENABLED"] == "false"
    assert variables["PHOENIX_ALLOW_EXTERNAL_RESOURCES"] == "false"
    usual = {"ConfigMap", "Deployment", "Service", "ServiceAccount"}
    assert kinds(objects) == (usual | {"Ingress"} if name == "ingress" else usual)


@pytest.mark.parametrize(
    ("chart", "name"),
    [
        *(("litellm", name) for name in ("replicas", "autoscaling", "ingress", "open network")),
        *(("phoenix", name) for name in ("ingress", "open network")),
    ],
)
def test_the_charts_read_every_value(tmp_path: Path, chart: str, name: str) -> None:
    given = values(load(tmp_path, name), chart)
    base = helm(chart, given, tmp_path)

    ignored = [
        ".".join(path)
        for path in leaves(given)
        if changes_nothing(chart, given, path, tmp_path, base)
    ]

    # The condition of Phoenix's dependency, which may be an empty one here.
    assert [path for path in ignored if path != "postgresql.enabled"] == []


def changes_nothing(
    chart: str,
    given: dict[str, Any],
    path: tuple[str, ...],
    folder: Path,
    base: subprocess.CompletedProcess[str],
) -> bool:
    """True if the chart renders the same with another value there, and does not refuse it."""
    changed = copy.deepcopy(given)
    place = changed
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = another(place[path[-1]])
    done = helm(chart, changed, folder)
    return done.returncode == 0 and done.stdout == base.stdout


def leaves(value: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    if not isinstance(value, dict) or not value or (path[-1:] and path[-1] in WHOLE):
        yield path
        return
    for key, inner in value.items():
        yield from leaves(inner, (*path, key))


def another(value: Any) -> Any:
    """A value of the same kind."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, int | float):
        return value + 1
    if isinstance(value, str):
        return f"{value}x"
    if isinstance(value, list):
        return value[:-1] or [{"name": "x"}]
    return "x" if value is None else {"x": "y"}
