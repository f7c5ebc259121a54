from __future__ import annotations

from pathlib import Path

from gatewayctl.runtimes.embedded.layout import Layout


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


def test_every_folder_is_private_to_its_owner(tmp_path: Path) -> None:
    layout = Layout(state_dir=tmp_path / ".gatewayctl")

    layout.make()

    folders = [layout.state_dir, *layout.state_dir.iterdir()]
    assert len(folders) == 6
    assert {mode(folder) for folder in folders} == {0o700}


def test_making_the_folders_again_keeps_files_and_restores_the_mode(tmp_path: Path) -> None:
    layout = Layout(state_dir=tmp_path / ".gatewayctl")
    layout.make()
    layout.log("litellm").write_text("kept")
    layout.state_dir.chmod(0o755)

    layout.make()

    assert layout.log("litellm").read_text() == "kept"
    assert mode(layout.state_dir) == 0o700


def test_everything_is_under_the_state_folder(tmp_path: Path) -> None:
    layout = Layout(state_dir=tmp_path)

    for path in (
        layout.postgres_data,
        layout.phoenix_home,
        layout.litellm_home,
        layout.socket,
        layout.supervisor_pid,
        layout.supervisor_config,
        layout.fingerprints,
        layout.log("litellm"),
    ):
        assert path.is_relative_to(tmp_path)
