from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from gatewayctl.cli.app import app

CALLBACKS = "compose/litellm_callbacks.py"
CONFIG = "compose/litellm_config.yaml"


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("GATEWAYCTL_RUNTIME", "GATEWAYCTL_JSON"):
        monkeypatch.delenv(name, raising=False)


def render(folder: Path, *arguments: str) -> Result:
    command = ["-C", str(folder), "--runtime", "embedded", "render", *arguments]
    return CliRunner().invoke(app, command)


def test_render_writes_and_the_second_time_has_nothing_to_do(tmp_path: Path) -> None:
    first, again = render(tmp_path), render(tmp_path)

    assert (first.exit_code, again.exit_code) == (0, 0)
    assert first.stdout == f"created   {CALLBACKS}\ncreated   {CONFIG}\ncompose/ is current now.\n"
    assert again.stdout == (
        f"unchanged {CALLBACKS}\nunchanged {CONFIG}\nNothing to do: compose/ is current.\n"
    )
    assert (tmp_path / CONFIG).is_file()


def test_check_exits_8_on_drift_and_names_the_file(tmp_path: Path) -> None:
    render(tmp_path)
    (tmp_path / CONFIG).write_text("by hand\n")

    result = render(tmp_path, "--check")

    assert result.exit_code == 8
    assert f"changed   {CONFIG}" in result.stdout
    assert f"{CONFIG} differs from what gateway.yaml declares." in result.stderr
    assert (tmp_path / CONFIG).read_text() == "by hand\n"


def test_check_exits_0_when_current(tmp_path: Path) -> None:
    render(tmp_path)

    assert render(tmp_path, "--check").exit_code == 0


def test_a_diff_is_shown_unwrapped_and_masked(tmp_path: Path) -> None:
    long = f"api_key: sk-{'0123456789' * 20}"
    (tmp_path / "compose").mkdir()
    (tmp_path / CONFIG).write_text(f"{long}\n[red]{'x' * 200}[/red]\n")

    result = render(tmp_path, "--check", "--diff")

    assert "-api_key: sk-…6789\n" in result.stdout
    assert f"-[red]{'x' * 200}[/red]\n" in result.stdout
    assert "0123456789" not in result.output


def test_json_has_the_files_and_the_drift(tmp_path: Path) -> None:
    checked = render(tmp_path, "--check", "--diff", "--json")
    written = render(tmp_path, "--json")

    document = json.loads(checked.stdout)
    assert (checked.exit_code, document["status"]) == (8, "partial")
    assert document["error"]["code"] == "drift"
    files = document["data"]["files"]
    assert [(file["path"], file["state"]) for file in files] == [
        (CALLBACKS, "missing"),
        (CONFIG, "missing"),
    ]
    assert "+import litellm" in files[0]["diff"]
    assert "+model_list:" in files[1]["diff"]
    document = json.loads(written.stdout)
    assert (written.exit_code, document["status"], document["command"]) == (0, "success", "render")
    assert document["data"]["files"] == [
        {"path": path, "state": "created", "diff": None} for path in (CALLBACKS, CONFIG)
    ]


def test_invalid_settings_are_refused(tmp_path: Path) -> None:
    (tmp_path / "gateway.yaml").write_text("models: {m: {}}\n")

    result = render(tmp_path)

    assert result.exit_code == 3
    assert not (tmp_path / "compose").exists()


def test_a_folder_that_cannot_be_written_is_exit_3(tmp_path: Path) -> None:
    (tmp_path / "compose").write_text("a file")

    result = render(tmp_path)

    assert result.exit_code == 3
    assert "Not a directory" in result.stderr


def test_a_target_is_rendered_beside_the_files_of_the_runtime(tmp_path: Path) -> None:
    result = render(tmp_path, "--target", "kubernetes")

    assert result.exit_code == 0
    assert "created   compose/kubernetes/kustomization.yaml" in result.stdout
    assert (tmp_path / "compose/kubernetes/litellm.yaml").is_file()
    assert not (tmp_path / CONFIG).exists()
    assert render(tmp_path, "--target", "kubernetes", "--check").exit_code == 0


def test_another_folder_gets_the_files_and_is_compared(tmp_path: Path) -> None:
    output = tmp_path / "elsewhere"
    arguments = ["--target", "helm", "--output", str(output)]

    (tmp_path / "shop").mkdir()
    missing = render(tmp_path / "shop", *arguments, "--check")
    written = render(tmp_path / "shop", *arguments)

    assert (missing.exit_code, written.exit_code) == (8, 0)
    assert f"render --target helm --output {output}" in missing.stderr
    assert f"created   {output}/helm/litellm-values.yaml" in written.stdout
    assert not (tmp_path / "shop/compose").exists()


def test_an_edit_in_another_folder_is_kept(tmp_path: Path) -> None:
    output = tmp_path / "elsewhere"
    (output / "helm").mkdir(parents=True)
    (output / "helm/litellm-values.yaml").write_text("by hand\n")

    result = render(tmp_path, "--target", "helm", "--output", str(output))

    assert (output / "helm/litellm-values.yaml.bak").read_text() == "by hand\n"
    assert "had manual edits" in result.stdout


def test_a_difference_of_a_target_is_shown(tmp_path: Path) -> None:
    render(tmp_path, "--target", "kubernetes")
    (tmp_path / "gateway.yaml").write_text("kubernetes: {namespace: llm}\n")

    result = render(tmp_path, "--target", "kubernetes", "--check", "--diff")

    assert result.exit_code == 8
    assert "+  namespace: llm" in result.stdout


def test_what_a_cluster_cannot_run_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    (tmp_path / "gateway.yaml").write_text("apps: {web: {build: ./web}}\n")

    result = render(tmp_path, "--target", "kubernetes")

    assert result.exit_code == 3
    assert "a cluster cannot build" in result.stderr
    assert not (tmp_path / "compose").exists()


def test_an_unknown_target_lists_the_known_ones(tmp_path: Path) -> None:
    result = render(tmp_path, "--target", "swarm")

    assert result.exit_code == 2
    assert "'swarm' is not one of" in result.stderr


def test_a_file_that_is_no_longer_rendered_is_removed_unless_it_was_edited(tmp_path: Path) -> None:
    config, folder = tmp_path / "gateway.yaml", tmp_path / "compose/kubernetes"
    config.write_text("kubernetes: {replicas: 2, ingress: llm.example.com}\n")
    render(tmp_path, "--target", "kubernetes")
    (folder / "mine.yaml").write_text("by hand\n")
    (folder / "more.yaml").mkdir()
    with (folder / "ingress.yaml").open("a") as ingress:
        ingress.write("# by hand\n")
    config.write_text("{}\n")

    checked = render(tmp_path, "--target", "kubernetes", "--check")
    written = render(tmp_path, "--target", "kubernetes")

    assert "obsolete  compose/kubernetes/redis.yaml" in checked.stdout
    assert (checked.exit_code, written.exit_code) == (8, 0)
    assert "removed   compose/kubernetes/redis.yaml" in written.stdout
    assert not (folder / "redis.yaml").exists()
    assert (folder / "ingress.yaml").exists()
    assert (folder / "mine.yaml").exists()
    assert render(tmp_path, "--target", "kubernetes", "--check").exit_code == 0
