"""LiteLLM's own loader in a container of the image, before anything of the project exists."""

from __future__ import annotations

import subprocess

import pytest

from tests.e2e.docker.conftest import MakeProject

_CONFIG = """\
model_list:
  - model_name: a
    litellm_params: {model: openai/gpt-4o, mock_response: fixed}
litellm_settings:
  callbacks: [hook.one]
"""


@pytest.mark.full
def test_a_hook_that_raises_is_refused_and_leaves_nothing(new_project: MakeProject) -> None:
    project = new_project()
    with (project.folder / "gateway.yaml").open("a") as file:
        file.write("litellm: litellm.yaml\n")
    (project.folder / "litellm.yaml").write_text(_CONFIG)
    (project.folder / "hook.py").write_text('raise RuntimeError("no")\n')

    done = project.run("up")

    assert done.returncode == 3
    assert "litellm.yaml line 5 column 15: hook.one: " in done.stderr
    assert "RuntimeError: no (hook.py line 1)" in done.stderr
    for kind in ("container", "network", "volume"):
        argv = ["docker", kind, "ls", "--quiet", "--filter", f"name={project.name}"]
        left = subprocess.run(argv, capture_output=True, text=True, check=True)
        assert left.stdout == ""
