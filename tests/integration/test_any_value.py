"""Whatever a user gives, a command works or refuses it: never an internal error.

`pytest --hypothesis-profile thorough` tries ten times as many values.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import settings as hypothesis
from hypothesis import strategies as st
from typer.testing import Result

from tests.conftest import USUAL
from tests.fakes.worst import DAMAGED, FOLDER, FOLDERS, TEXTS
from tests.integration.stack_project import Project, master_key_of

VERBS = (
    *(["init"], ["render"], ["--runtime", "docker", "render"], ["render", "--check", "--diff"]),
    *(["plan"], ["up"], ["status"], ["doctor"], ["audit"], ["models", "list"], ["logs"], ["usage"]),
    *(["keys", "list"], ["keys", "create"], ["keys", "check"], ["keys", "rotate", "litellm-dev"]),
    *(["env"], ["env", "--format", "shell"], ["chat", "hi"], ["trace", "list"], ["ui", "--print"]),
    *(["backup"], ["restart"], ["upgrade"], ["rollback", "--yes"], ["down"]),
)
ARGUMENTS = (
    *("VALUE", "keys VALUE", "--runtime VALUE status", "--lock-timeout VALUE up"),
    *("keys create VALUE", "keys create a --env VALUE", "keys create a --model VALUE"),
    *("keys create a --metadata VALUE", "keys create a --duration VALUE", "keys show VALUE"),
    *("keys rotate VALUE", "keys rotate litellm-dev --grace VALUE", "keys revoke VALUE --yes"),
    *("chat VALUE", "chat hi --component VALUE", "chat hi --operation VALUE"),
    *("chat hi --model VALUE", "chat hi --system VALUE", "chat hi --metadata VALUE"),
    *("chat hi --key-env VALUE", "chat hi --route VALUE", "chat hi --max-steps VALUE"),
    *("logs VALUE", "logs --tail VALUE", "logs --since VALUE", "restart VALUE"),
    *("up --timeout VALUE", "trace show VALUE", "trace verify VALUE --timeout 0"),
    *("trace list --component VALUE", "trace list --model VALUE", "trace list --since VALUE"),
    *("usage --since VALUE", "usage --by VALUE", "env --format VALUE", "ui VALUE"),
    *("restore VALUE --yes", "upgrade --to VALUE", "audit --tail VALUE", "render --target VALUE"),
)
SETTINGS = (
    *("project_name", "runtime", "profile", "bind", "workers", "lock_timeout", "ports.litellm"),
    *("images.litellm", "models.VALUE", "models.m.model", "models.m.api_base", "models.m.api_key"),
    *("models.m.api_key_env", "models.m.timeout", "models.m.mock_response", "models.m.params.x"),
    *("models.m.params.VALUE", "keys.VALUE", "keys.k.env", "keys.k.models", "keys.k.duration"),
    *("keys.k.metadata.x", "keys.k.metadata.VALUE", "components.VALUE", "components.c.operations"),
    *("components.c.metadata.x", "components.c.operations.o.prompt", "apps.VALUE", "apps.a.image"),
    *("apps.a.build", "apps.a.command", "apps.a.environment.X", "apps.a.environment.VALUE"),
    *("apps.a.ports", "apps.a.key", "VALUE"),
)
ENTRIES: dict[str, Any] = {
    "models": {"mock_response": "hi"},
    "keys": {"env": "K_KEY"},
    "components": {},
    "apps": {"image": "x:1"},
}
READING = (
    *(["render"], ["--runtime", "docker", "render"], ["plan", "--json"], ["up"], ["status"]),
    *(
        ["doctor"],
        ["models", "list"],
        ["keys", "list"],
        ["keys", "create"],
        ["env"],
        ["chat", "hi"],
    ),
    *(["keys", "sync", "--dry-run"], ["backup"]),
)
VARIABLES = (
    *("OPENAI_API_KEY", "LITELLM_MASTER_KEY", "LITELLM_SALT_KEY", "LITELLM_POSTGRES_PASSWORD"),
    *("POSTGRES_PASSWORD", "UI_PASSWORD", "LITELLM_API_KEY", "GATEWAYCTL_RUNTIME", "LITELLM_PORT"),
    *("GATEWAYCTL_PROJECT_NAME", "LITELLM_IMAGE", "PHOENIX_COLLECTOR_HTTP_ENDPOINT", "OTHER"),
)
STATE_FILES = (
    *("lock", "audit.jsonl", "runtime", "restore.json", "salt_key.json", "upgrade.json"),
    *("rendered.json", "volumes.json", "run/fingerprints.json"),
)
REFUSED = frozenset({2, 3, 4, 5, 6})


def examples(count: int) -> hypothesis:
    """So many examples in the usual profile, and ten times as many in the thorough one."""
    return hypothesis(max_examples=count * hypothesis().max_examples // USUAL)


def run(project: Project, *words: str) -> Result:
    """Run a command and check that it worked, or says what is wrong and what to do."""
    result = project.run(*words)
    shown = f"{words}: {result.exit_code}\n{result.stdout}\n{result.stderr}"
    assert result.exit_code != 1, shown
    assert isinstance(result.exception, SystemExit | None), shown
    if result.exit_code in REFUSED and "Usage:" not in result.stderr:
        said = result.stderr
        if result.stdout.startswith('{"schema"'):
            error = json.loads(result.stdout)["error"]
            said = f"Error: {error['message']}\nHint: {error['hint']}"
        assert "Error: " in said, shown
        assert said.rpartition("Hint: ")[2].strip(), shown
    return result


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    """A project that was brought up, the same for all values."""
    made = Project(folder=tmp_path_factory.mktemp("any") / "shop")
    made.folder.mkdir()
    made.litellm.master = master_key_of(made)
    assert made.run("up").exit_code == 0
    with pytest.MonkeyPatch.context() as patch:
        # What a command names is created beside the project.
        patch.chdir(made.folder.parent)
        yield made


@examples(1)
@given(FOLDERS)
@example(FOLDER)
def test_a_project_can_be_in_any_folder(name: str) -> None:
    with TemporaryDirectory() as parent:
        project = Project(folder=Path(parent) / name)
        project.folder.mkdir()
        project.litellm.master = master_key_of(project)

        for verb in VERBS:
            shown = run(project, *verb)
            as_json = run(project, *verb, "--json")
            assert json.loads(as_json.stdout)["status"] in {"success", "partial", "error"}, shown
        assert [each.name for each in Path(parent).iterdir()] == [name]


@examples(30)
@given(st.sampled_from(ARGUMENTS), TEXTS)
def test_any_argument_works_or_is_refused(project: Project, command: str, value: str) -> None:
    run(project, *(value if word == "VALUE" else word for word in command.split()))


@examples(20)
@given(st.data(), st.sampled_from(SETTINGS))
def test_any_setting_works_or_is_refused_with_its_place(
    project: Project, data: st.DataObject, path: str
) -> None:
    scalars = st.integers() | st.floats() | st.booleans() | st.none()
    value = data.draw(TEXTS if path.endswith("VALUE") else TEXTS | scalars)
    config = project.folder / "gateway.yaml"
    config.write_text(json.dumps(_document(path, value)), encoding="utf-8")

    try:
        for verb in data.draw(st.lists(st.sampled_from(READING), min_size=4, max_size=4)):
            result = run(project, *verb)
            if result.exit_code == 3:
                assert "gateway.yaml" in result.output or "is not set" in result.output
    finally:
        config.unlink()


@examples(6)
@given(
    st.sampled_from(VARIABLES), TEXTS, st.sampled_from(["VALUE", "'VALUE'", '"VALUE"', " VALUE"])
)
@example("LITELLM_MASTER_KEY", "sk-é234567890123456", "VALUE")
def test_any_value_in_env_works_or_is_refused(
    project: Project, name: str, value: str, form: str
) -> None:
    file = project.folder / ".env"
    before = file.read_bytes()
    file.write_bytes(before + f"{name}={form.replace('VALUE', value)}\n".encode())

    try:
        for verb in READING:
            run(project, *verb)
    finally:
        file.write_bytes(before)


@examples(8)
@given(
    st.sampled_from(STATE_FILES),
    DAMAGED,
    st.lists(st.sampled_from([*READING, ["audit"], ["upgrade"], ["restart"]]), max_size=3),
)
@example("upgrade.json", b"null", [])
@example("audit.jsonl", b"[" * 100_000, [["audit"]])
def test_a_damaged_state_file_is_no_internal_error(
    project: Project, name: str, content: bytes, verbs: list[list[str]]
) -> None:
    file = project.folder / ".gatewayctl" / name
    before = file.read_bytes() if file.exists() else None
    file.parent.mkdir(exist_ok=True)

    try:
        for verb in (*verbs, ["rollback", "--yes"], ["doctor"]):
            file.write_bytes(content)
            run(project, *verb)
    finally:
        file.unlink(missing_ok=True)
        if before is not None:
            file.write_bytes(before)


def _document(path: str, value: object) -> object:
    """A gateway.yaml with a value at a path; `VALUE` in it is a name."""
    *above, last = path.split(".")
    node: object = value
    if last == "VALUE":
        section = above[0] if len(above) == 1 else ""
        node = {str(value): ENTRIES.get(section, "v")}
    else:
        node = {last: value}
    for depth, name in reversed(list(enumerate(above))):
        entry = ENTRIES.get(above[0], {}) if depth == 1 else {}
        node = {name: entry | node if isinstance(node, dict) else node}
    return node
