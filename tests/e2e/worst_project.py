"""A project of the worst values that users have, and its whole life, for both runtimes."""

from __future__ import annotations

import json
import unicodedata
from pathlib import Path
from typing import Final

from gatewayctl.env_file.values import quote_value
from tests.e2e.conftest import Project, make_project
from tests.fakes.worst import FOLDER

# In one line, and in Latin-1: LiteLLM sends the name of a model in a header.
NAME: Final = "-x [red]é[/red] 'q' \"d\" %(x)s ${HOME} `id` \\n ñ #1 a/b " + "x" * 60
ALIAS: Final = f"{NAME} \N{ROCKET}"
PASSWORD: Final = 'p$HOME "`id`\\ %s{{x}}#;a=b:@/?&~'
PROMPT: Final = f"-- {ALIAS}\n\x1b[31m\t\u2028{unicodedata.normalize('NFD', 'é')}" * 20
REPLY: Final = f"{ALIAS}\n[bold]${{X:?y}}"
METADATA: Final = {ALIAS: [ALIAS, None, "on", "0x1f", 1e3, {"null": "~"}]}


def worst_project(
    folder: Path, *, runtime: str, name: str, program: Path, passwords: dict[str, str]
) -> Project:
    """A project in the worst folder, with the worst names in it; nothing is started.

    ``passwords`` are lines of .env.
    """
    project = make_project(folder / FOLDER, runtime=runtime, name=name)
    project.program = (str(program / "bin/gatewayctl"),)
    config = {
        "models": {NAME: {"mock_response": REPLY, "api_key_env": "WORST_KEY"}},
        "keys": {ALIAS: {"env": "NAMED_KEY", "models": [NAME], "metadata": METADATA}},
        "components": {"null": {"operations": ["0x1f"], "metadata": METADATA}},
    }
    with (project.folder / "gateway.yaml").open("a", encoding="utf-8") as file:
        file.writelines(f"{section}: {json.dumps(value)}\n" for section, value in config.items())
    lines = {"WORST_KEY": PASSWORD, "UI_PASSWORD": PASSWORD, **passwords}
    text = "".join(f"{name}={quote_value(name, value)}\n" for name, value in lines.items())
    (project.folder / ".env").write_text(text, encoding="utf-8")
    (project.folder / ".env").chmod(0o600)
    return project


def live(project: Project) -> None:
    """Init, up, keys, chat, plan, status, backup, restart and down, each as it should be."""
    project.ok("init")
    project.ok("up", "--timeout", "280")
    assert project.data("plan")["changed"] is False
    assert [key["alias"] for key in project.data("keys", "create")["keys"]] == [ALIAS]
    words = ("chat", "--component", "null", "--operation", "0x1f", "--model", NAME)
    reply = json.loads(project.ok(*words, "--json", "--", PROMPT))["data"]
    assert (reply["reply"], reply["component"], reply["model"]) == (REPLY, "null", NAME)
    assert project.ok(*words, "--key-env", "NAMED_KEY", stdin=PROMPT) == f"{REPLY}\n"
    assert project.data("status")["project"] == project.name
    assert NAME in {model["model"] for model in project.data("models", "list")["models"]}
    file = project.data("backup", f"./{NAME.replace('/', '-')}.bak")["file"]
    assert Path(file).parent == project.folder
    project.ok("restart", "litellm")
    assert project.data("keys", "check")["keys"][0]["ok"] is True
    project.ok("down")
    assert {entry["outcome"] for entry in project.data("audit")["entries"]} == {"done"}
