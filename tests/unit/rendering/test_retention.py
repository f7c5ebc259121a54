"""What `retention:` is in the rendered files of every runtime."""

from __future__ import annotations

from pathlib import Path
from typing import Any, get_args

import pytest
import yaml

from gatewayctl.rendering.litellm_config import find_conflicts
from gatewayctl.rendering.locate import locate_templates
from gatewayctl.rendering.plan import litellm_files, plan_files
from gatewayctl.rendering.targets import plan_target
from gatewayctl.settings.model import RuntimeName
from tests.fakes.projects import project

BOTH = "retention: {traces: 36h, spend_logs: 2w}\n"
RUNTIMES = [name for name in get_args(RuntimeName) if name != "external"]
SETTINGS = ("maximum_spend_logs_retention_period", "maximum_spend_logs_cleanup_cron")


def general_settings(folder: Path, text: str, runtime: RuntimeName = "docker") -> dict[str, Any]:
    settings = project(folder, text)
    if runtime == "kubernetes":
        content = litellm_files(settings, locate_templates())["litellm_config.yaml"]
        (map_,) = (
            file.content
            for file in plan_files(settings, runtime=runtime)
            if file.path.name == "litellm-config.yaml"
        )
        assert "maximum_spend_logs" not in content or SETTINGS[0] in map_
    else:
        files = {str(f.path): f.content for f in plan_files(settings, runtime=runtime)}
        content = files["litellm_config.yaml"]
    return dict(yaml.safe_load(content)["general_settings"])


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_litellm_deletes_by_the_clock_in_every_runtime(
    runtime: RuntimeName, tmp_path: Path
) -> None:
    found = general_settings(tmp_path, BOTH, runtime)

    assert {name: found[name] for name in SETTINGS} == {
        "maximum_spend_logs_retention_period": "14d",
        "maximum_spend_logs_cleanup_cron": "7 * * * *",
    }


@pytest.mark.parametrize("runtime", RUNTIMES)
@pytest.mark.parametrize("text", ["", "retention: {traces: 30d}\n"])
def test_litellm_keeps_its_spend_logs_unless_it_is_told(
    runtime: RuntimeName, text: str, tmp_path: Path
) -> None:
    assert not set(SETTINGS) & set(general_settings(tmp_path, text, runtime))


def test_the_period_of_the_section_counts_over_the_operators_own(tmp_path: Path) -> None:
    text = (
        f"{BOTH}litellm:\n  general_settings:\n"
        "    maximum_spend_logs_retention_period: 7d\n"
        "    maximum_spend_logs_cleanup_cron: 0 3 * * *\n"
        "    maximum_spend_logs_retention_interval: 6h\n"
    )

    found = general_settings(tmp_path, text)
    conflicts = find_conflicts(project(tmp_path, text))

    assert [found[name] for name in SETTINGS] == ["14d", "7 * * * *"]
    assert [(each.path.split(".")[1], each.source.line) for each in conflicts] == [
        ("maximum_spend_logs_retention_period", 4),
        ("maximum_spend_logs_cleanup_cron", 5),
        ("maximum_spend_logs_retention_interval", 6),
    ]
    assert "14d of retention.spend_logs counts instead" in str(conflicts[0])


def test_the_same_period_in_both_is_no_conflict(tmp_path: Path) -> None:
    text = f"{BOTH}litellm: {{general_settings: {{{SETTINGS[0]}: 14d}}}}\n"

    assert not find_conflicts(project(tmp_path, text))


def test_the_operators_own_period_counts_without_the_section(tmp_path: Path) -> None:
    text = f"retention: {{traces: 30d}}\nlitellm: {{general_settings: {{{SETTINGS[0]}: 7d}}}}\n"

    assert general_settings(tmp_path, text)[SETTINGS[0]] == "7d"
    assert not find_conflicts(project(tmp_path, text))


@pytest.mark.parametrize(("text", "days"), [("", 0), (BOTH, 2), ("retention: {traces: 30d}\n", 30)])
def test_the_chart_of_phoenix_gets_whole_days(text: str, days: int, tmp_path: Path) -> None:
    files = {each.path.name: each.content for each in plan_target(project(tmp_path, text), "helm")}

    values = yaml.safe_load(files["phoenix-values.yaml"])
    assert values["database"]["defaultRetentionPolicyDays"] == days
