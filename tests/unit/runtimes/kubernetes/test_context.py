from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest

from gatewayctl.errors import (
    ContextChanged,
    ContextUnknown,
    KubeconfigInvalid,
    KubeconfigMissing,
    RuntimeProblem,
)
from gatewayctl.runtimes.kubernetes.context import (
    ChosenContext,
    choose,
    describe_difference,
    forget,
    kubectl,
    move_to,
    needs_consent,
    read_record,
    require_same_place,
    resolve,
)
from gatewayctl.settings.model import Settings
from tests.fakes.kubectl import with_contexts
from tests.fakes.projects import project

STAGING, PRODUCTION = "https://staging:6443", "https://production:6443"
BOTH = {"staging": STAGING, "production": PRODUCTION}


def place(
    context: str = "staging", server: str = STAGING, namespace: str = "shop"
) -> ChosenContext:
    return ChosenContext(context=context, server=server, namespace=namespace)


def settings_of(
    folder: Path,
    *,
    context: str | None = None,
    namespace: str = "shop",
    runtime: str = "kubernetes",
) -> Settings:
    found = project(folder, f"project_name: shop\nruntime: {runtime}\n")
    declared = dataclasses.replace(found.kubernetes, context=context, namespace=namespace)
    return dataclasses.replace(found, kubernetes=declared)


def started_in(settings: Settings, where: ChosenContext) -> Settings:
    with move_to(settings, where):
        pass
    return settings


def test_the_context_of_gateway_yaml_comes_first_then_the_recorded_then_the_current(
    tmp_path: Path,
) -> None:
    run = with_contexts({**BOTH, "named": "https://named"}, current="production")

    assert choose(settings_of(tmp_path), run).context == "production"
    started_in(settings_of(tmp_path), place())
    assert choose(settings_of(tmp_path), run) == place()
    assert choose(settings_of(tmp_path, context="named"), run).context == "named"


def test_reading_verbs_stay_where_the_stack_was_started(tmp_path: Path) -> None:
    settings = started_in(settings_of(tmp_path, context="production"), place())
    run = with_contexts(BOTH)

    assert resolve(settings, run) == place()
    assert kubectl(settings, run).argv("get", "pods") == (
        "kubectl", "--context", "staging", "--namespace", "shop", "get", "pods"
    )  # fmt: skip
    assert describe_difference(settings, run) == (
        "The project runs in context staging (https://staging:6443), namespace shop, and `up` "
        "would use context production (https://production:6443), namespace shop."
    )


def test_without_a_difference_nothing_is_noted(tmp_path: Path) -> None:
    settings = settings_of(tmp_path)
    run = with_contexts(BOTH, current="production")

    assert describe_difference(settings, run) is None
    started_in(settings, place())
    assert describe_difference(settings, run) is None


@pytest.mark.parametrize(
    ("servers", "current", "context", "error", "said"),
    [
        ({}, None, None, KubeconfigMissing, "no current context"),
        (BOTH, None, None, KubeconfigMissing, "no current context"),
        ({}, None, "staging", KubeconfigMissing, "no kubeconfig"),
        (BOTH, "staging", "elsewhere", ContextUnknown, "no context 'elsewhere'"),
        ({"staging": ""}, "staging", None, KubeconfigInvalid, "has no cluster"),
    ],
)
def test_a_context_that_cannot_be_used_is_named(
    servers: dict[str, str],
    current: str | None,
    context: str | None,
    error: type[RuntimeProblem],
    said: str,
    tmp_path: Path,
) -> None:
    with pytest.raises(error, match=said):
        choose(settings_of(tmp_path, context=context), with_contexts(servers, current))


def test_an_unknown_context_is_reported_with_those_that_exist(tmp_path: Path) -> None:
    with pytest.raises(ContextUnknown) as caught:
        choose(settings_of(tmp_path, context="elsewhere"), with_contexts(BOTH))

    assert "production, staging" in caught.value.hint
    assert "KUBECONFIG" in caught.value.hint


def test_a_first_start_needs_consent_unless_gateway_yaml_names_the_context(tmp_path: Path) -> None:
    assert needs_consent(settings_of(tmp_path), place())
    assert not needs_consent(settings_of(tmp_path, context="staging"), place())


@pytest.mark.parametrize(
    "other",
    [
        place(context="production", server=PRODUCTION),
        place(server="https://other:6443"),
        place(namespace="shop-2"),
    ],
)
def test_another_place_than_the_recorded_needs_consent_even_if_it_is_named(
    other: ChosenContext, tmp_path: Path
) -> None:
    settings = started_in(settings_of(tmp_path, context=other.context), place())

    assert needs_consent(settings, other)
    assert not needs_consent(settings, place())


def test_only_up_may_change_another_place_than_the_recorded(tmp_path: Path) -> None:
    run = with_contexts(BOTH, current="production")
    settings = started_in(settings_of(tmp_path), place())
    require_same_place(settings, run)

    with pytest.raises(ContextChanged, match="would be changed in context production"):
        require_same_place(settings_of(tmp_path, context="production"), run)
    with pytest.raises(ContextChanged, match="namespace shop-2"):
        require_same_place(settings_of(tmp_path, namespace="shop-2"), run)
    with pytest.raises(ContextChanged, match="https://moved:6443"):
        require_same_place(settings, with_contexts({"staging": "https://moved:6443"}))


def test_what_was_never_started_is_not_changed_in_the_current_context(tmp_path: Path) -> None:
    run = with_contexts(BOTH, current="production")

    with pytest.raises(ContextChanged, match="never started in context production") as caught:
        require_same_place(settings_of(tmp_path), run)
    require_same_place(settings_of(tmp_path, context="staging"), run)

    assert "kubernetes.context" in caught.value.hint


def fail_in(settings: Settings, where: ChosenContext, error: BaseException) -> None:
    with move_to(settings, where):
        assert read_record(settings) == where
        raise error


def test_a_refused_move_leaves_the_record_as_it_was(tmp_path: Path) -> None:
    settings = settings_of(tmp_path)
    with pytest.raises(RuntimeProblem):
        fail_in(settings, place(), RuntimeProblem("Forbidden."))
    assert read_record(settings) is None

    started_in(settings, place())
    with pytest.raises(KeyboardInterrupt):
        fail_in(settings, place(context="production"), KeyboardInterrupt())
    assert read_record(settings) == place()
    forget(settings)
    assert read_record(settings) is None


def test_the_record_is_private_and_a_damaged_one_is_none(tmp_path: Path) -> None:
    settings = started_in(settings_of(tmp_path), place())
    file = settings.state_dir / "kubernetes.json"

    assert file.stat().st_mode & 0o777 == 0o600
    assert json.loads(file.read_text()) == dataclasses.asdict(place())
    for damaged in ("", "[]", "{}", '{"context": 1', '"x"', "null"):
        file.write_text(damaged)
        assert read_record(settings) is None
