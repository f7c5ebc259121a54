from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from gatewayctl.errors import ClusterForbidden
from gatewayctl.generators import drain
from gatewayctl.rendering.plan import plan_files
from gatewayctl.runtimes.config_loader.base import MARK, LoadResult, config_files
from gatewayctl.runtimes.config_loader.kubernetes import KubernetesConfigLoader
from gatewayctl.runtimes.process import Completed
from tests.fakes.cluster import FakeCluster
from tests.unit.runtimes.kubernetes.stack import Stack

YAML = """\
litellm:
  model_list:
    - model_name: a
      litellm_params: {model: openai/gpt-4o, api_key: os.environ/OPENAI_API_KEY}
"""
LOADED = {"models": 1, "dropped": [], "deprecated": []}


@dataclass(kw_only=True)
class Recording(FakeCluster):
    """A cluster that keeps what was applied, also after it is deleted."""

    seen: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)

    def _apply_one(self, item: dict[str, Any], *, dry_run: bool) -> dict[str, Any]:
        self.seen[item["kind"], item["metadata"]["name"]] = item
        return super()._apply_one(item, dry_run=dry_run)


@pytest.fixture
def stack(tmp_path: Path) -> Stack:
    (tmp_path / "words.txt").write_text("marmalade\n")
    mounts = "services: {litellm: {mounts: {/app/words.txt: words.txt}}}\n"
    found = Stack(folder=tmp_path, yaml=YAML + mounts, cluster=Recording())
    answer(found, f"a banner\n{MARK}{json.dumps(LOADED)}\n")
    return found


def answer(stack: Stack, output: str, returncode: int = 0) -> None:
    ended = Completed(returncode=returncode, stdout=output, stderr="")
    stack.cluster.exits["load-config"] = ended


def loader(stack: Stack) -> KubernetesConfigLoader:
    return KubernetesConfigLoader(
        stack.settings(),
        kubectl=stack.cluster.kubectl(),
        clock=stack.clock,
        sleep=stack.clock.sleep,
    )


def load(stack: Stack) -> LoadResult:
    return loader(stack).load(plan_files(stack.settings(), runtime="kubernetes"))


def test_what_the_pod_reports_is_the_result_and_nothing_is_left(stack: Stack) -> None:
    stack.cluster.add("Namespace", "shop")
    before = set(stack.cluster.objects)

    assert load(stack) == LoadResult(state="loaded", models=1)
    assert set(stack.cluster.objects) == before


def test_everything_that_the_pod_refers_to_is_a_copy_of_its_own(stack: Stack) -> None:
    stack.cluster.add("Namespace", "shop")
    load(stack)

    seen = stack.cluster.seen  # type: ignore[attr-defined]
    spec = seen["Pod", "load-config"]["spec"]
    (container,) = spec["containers"]
    references = [
        variable["valueFrom"]["secretKeyRef"]
        for variable in container["env"]
        if "valueFrom" in variable
    ]
    secrets = {each["name"] for each in references}
    secrets |= {v["secret"]["secretName"] for v in spec["volumes"] if "secret" in v}
    (config,) = (v["configMap"]["name"] for v in spec["volumes"] if "configMap" in v)
    assert secrets == {"load-config-litellm", "load-config-litellm-files"}
    assert {("Secret", name) for name in secrets} < seen.keys()
    assert ("ConfigMap", config) in seen
    assert ("ServiceAccount", spec["serviceAccountName"]) in seen
    assert all(each["optional"] for each in references)
    assert all(name.startswith("load-config") for _, name in seen)
    assert container["command"] == ["python3"]
    assert container["args"][-2:] == ["/app/config.yaml", "30.0"]


def test_the_pod_may_talk_as_litellm_may_and_no_service_leads_to_it(stack: Stack) -> None:
    stack.cluster.add("Namespace", "shop")
    load(stack)

    seen = stack.cluster.seen  # type: ignore[attr-defined]
    labels = seen["Pod", "load-config"]["metadata"]["labels"]
    policy = seen["NetworkPolicy", "load-config"]["spec"]
    assert labels["app.kubernetes.io/name"] == "load-config"
    assert policy["podSelector"]["matchLabels"].items() <= labels.items()
    assert policy["egress"] == [{}]


def test_a_secret_of_others_is_used_as_it_is(stack: Stack) -> None:
    stack.yaml += "kubernetes: {secrets: {from: theirs}}\n"
    stack.cluster.add("Namespace", "shop")
    load(stack)

    seen = stack.cluster.seen  # type: ignore[attr-defined]
    (container,) = seen["Pod", "load-config"]["spec"]["containers"]
    names = {v["valueFrom"]["secretKeyRef"]["name"] for v in container["env"] if "valueFrom" in v}
    assert names == {"theirs"}
    assert not [name for kind, name in seen if kind == "Secret"]


def test_a_running_stack_is_left_alone(stack: Stack) -> None:
    stack.up()
    before = json.dumps(sorted(map(str, stack.cluster.objects.items())))

    assert load(stack).state == "loaded"
    assert json.dumps(sorted(map(str, stack.cluster.objects.items()))) == before
    assert stack.runtime.states()[-1].state == "running"


def test_a_pod_that_ends_without_a_result_is_no_result(stack: Stack) -> None:
    stack.cluster.add("Namespace", "shop")
    answer(stack, "Killed\n", returncode=137)

    assert load(stack) == LoadResult(state="no_result", error="Killed")


def test_a_pod_that_does_not_end_is_no_result_and_removed(stack: Stack) -> None:
    class Pending(Recording):
        def reconcile(self, item: dict[str, Any]) -> None:
            if item["kind"] == "Pod":
                item["status"] = {"phase": "Pending"}

    stack.cluster = Pending()
    stack.cluster.add("Namespace", "shop")
    found = load(stack)

    assert found.state == "no_result"
    assert "did not end within 300 s" in found.error
    assert stack.cluster.of("Pod") == {}


def test_a_namespace_that_is_missing_is_created_where_something_is_to_be_started(
    stack: Stack,
) -> None:
    assert not loader(stack).is_ready()

    drain(loader(stack).fetch())

    assert loader(stack).is_ready()
    assert list(stack.cluster.objects) == [("Namespace", "shop")]


def test_a_user_who_may_only_read_is_told_what_is_missing(stack: Stack) -> None:
    class ReadOnly(Recording):
        def _review(self, words: tuple[str, ...], stdin: str) -> str:
            asked = json.loads(stdin)
            if asked["kind"] == "SelfSubjectRulesReview":
                return json.dumps({"status": {"resourceRules": []}})
            answers = (
                {**each, "status": {"allowed": _verb(each) in {"get", "list", "watch"}}}
                for each in asked["items"]
            )
            return "\n".join(map(json.dumps, answers))

    stack.cluster = ReadOnly()
    with pytest.raises(ClusterForbidden) as refused:
        loader(stack).is_ready()
    assert "create" in str(refused.value)


def _verb(review: dict[str, Any]) -> str:
    return str(review["spec"]["resourceAttributes"]["verb"])


def test_only_the_configuration_decides_whether_it_is_loaded_again(stack: Stack) -> None:
    files = plan_files(stack.settings(), runtime="kubernetes")

    assert [str(file.path) for file in config_files(files)] == ["kubernetes/litellm-config.yaml"]
