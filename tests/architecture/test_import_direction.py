"""The house's rules about imports: they point down, and each library has one owner."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[2] / "src" / "gatewayctl"
LEVEL = {
    "__main__": 10,
    "cli": 9,
    "output": 8,
    "operations": 7,
    "runtimes": 6,
    "gateway": 6,
    "tracing": 6,
    "rendering": 5,
    "settings": 4,
    "env_file": 3,
    "transport": 5,
    "files": 2,
    "network": 2,
    "operating_system": 2,
    "errors": 1,
    "generators": 0,
    "client": 0,
}
"""env_file stands below settings, which reads .env through it."""
NOUN_LEVEL = {
    "counting": 0,
    "state": 0,
    "models": 1,
    "config": 1,
    "traces": 1,
    "diagnosis": 1,
    "project": 2,
    "keys": 3,
    "stack": 4,
    "chat": 4,
    "usage": 4,
    "backup": 5,
    "upgrade": 6,
    "doctor": 6,
    "bench": 6,
    "demo": 7,
}
"""The packages of ``operations``, low to high. A verb may use those of lower levels only."""
OWNERS = {
    "typer": {"cli"},
    "rich": {"output"},
    "httpx": {"transport", "gateway", "tracing"},
    "opentelemetry": {"tracing", "client"},
    "jinja2": {"rendering"},
    "python_on_whales": {"runtimes"},
    "subprocess": {"runtimes"},
    "psutil": {"runtimes"},
    "uv": {"runtimes"},
    "yaml": {"settings", "rendering"},
    "dotenv": {"env_file"},
    "pyrage": {"operations"},
    "nacl": {"operations"},
    "h11": {"operations"},
}
BANNED = {"click", "requests"}
MODULES = sorted(SOURCE.rglob("*.py"))


def _name(path: Path) -> str:
    return path.relative_to(SOURCE).as_posix()


def _room(path: Path) -> str:
    return _name(path).partition("/")[0].removesuffix(".py")


def _dotted(path: Path) -> str:
    return (
        f"gatewayctl.{_name(path).removesuffix('.py').removesuffix('/__init__').replace('/', '.')}"
    )


def _runtime_imports(tree: ast.AST) -> Iterator[str]:
    """Names imported when the program runs: those for type checkers alone do not count."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "relative import"
            # A room may be the name that is imported: `from gatewayctl import operations`.
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        yield from _runtime_imports(node)


def _imports(path: Path) -> list[str]:
    return list(_runtime_imports(ast.parse(path.read_text(encoding="utf-8"))))


@pytest.mark.parametrize("path", MODULES, ids=_name)
def test_imports_point_down_and_siblings_are_strangers(path: Path) -> None:
    room = _room(path)
    if room == "__init__":
        assert not path.read_text(encoding="utf-8").strip()
        return
    for name in _imports(path):
        parts = name.split(".")
        if parts[0] != "gatewayctl" or len(parts) == 1 or parts[1] == room:
            continue
        assert LEVEL[parts[1]] < LEVEL[room], f"{room} must not import {name}"


def _noun(dotted: str) -> str:
    return dotted.split(".")[2]


@pytest.mark.parametrize(
    "path", [path for path in MODULES if _room(path) == "operations"], ids=_name
)
def test_verbs_use_only_nouns_of_lower_levels(path: Path) -> None:
    noun = _name(path).split("/")[1].removesuffix(".py")
    if noun == "__init__":
        return
    # Imports for type checkers count here: a report belongs to the level that makes it.
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if not isinstance(node, ast.ImportFrom) or node.module is None:
            continue
        for alias in node.names:
            full = f"{node.module}.{alias.name}"
            if not full.startswith("gatewayctl.operations.") or _noun(full) == noun:
                continue
            assert NOUN_LEVEL[_noun(full)] < NOUN_LEVEL[noun], f"{noun} must not import {full}"


def test_every_noun_of_operations_has_its_level() -> None:
    found = {
        item.name.removesuffix(".py")
        for item in (SOURCE / "operations").iterdir()
        if not item.name.startswith("__")
    }

    assert found == set(NOUN_LEVEL)


def _cycles(graph: dict[str, set[str]]) -> list[str]:
    """Modules that can be reached from themselves."""

    def reachable(start: str) -> set[str]:
        seen: set[str] = set()
        waiting = [start]
        while waiting:
            for following in graph[waiting.pop()] - seen:
                seen.add(following)
                waiting.append(following)
        return seen

    return [module for module in graph if module in reachable(module)]


def test_no_module_imports_itself_by_a_detour() -> None:
    names = {_dotted(path): path for path in MODULES}
    graph = {
        name: {
            target
            for imported in _imports(path)
            for target in (imported, imported.rpartition(".")[0])
            if target in names and target != name
        }
        for name, path in names.items()
    }

    assert _cycles(graph) == []
    assert _cycles({"a": {"b"}, "b": {"a"}, "c": set()}) == ["a", "b"]


def test_no_folder_holds_more_than_twenty_modules() -> None:
    counts = {
        str(folder.relative_to(SOURCE)): sum(
            path.name != "__init__.py" for path in folder.glob("*.py")
        )
        for folder in {path.parent for path in MODULES}
    }

    assert {folder: count for folder, count in counts.items() if count > 20} == {}


def test_commands_operations_and_renderers_share_their_nouns() -> None:
    # Neither is a noun of a person: several verbs use them.
    nouns = set(NOUN_LEVEL) - {"diagnosis", "counting"}
    commands = {path.stem for path in (SOURCE / "cli").glob("*.py")}
    renderers = {path.stem for path in (SOURCE / "output").glob("*.py")}

    assert nouns <= commands
    assert nouns <= renderers


@pytest.mark.parametrize("path", MODULES, ids=_name)
def test_each_library_is_imported_by_its_owner_only(path: Path) -> None:
    room = _room(path)
    for name in _imports(path):
        library = name.split(".")[0]
        assert library not in BANNED, f"{library} is not used here"
        assert room in OWNERS.get(library, {room}), f"only {OWNERS[library]} may import {library}"


def test_package_files_are_empty_but_for_the_tree_of_failures() -> None:
    filled = [p for p in SOURCE.rglob("__init__.py") if p.read_text(encoding="utf-8").strip()]

    assert filled == [SOURCE / "errors" / "__init__.py"]


def test_no_source_file_grows_past_four_hundred_lines() -> None:
    lengths = {_name(path): path.read_text(encoding="utf-8").count("\n") for path in MODULES}

    assert {name: length for name, length in lengths.items() if length > 400} == {}


def test_no_room_is_named_after_nothing() -> None:
    nothing = {"utils", "util", "helpers", "helper", "common", "misc", "manager"}

    assert [
        name for name in map(_name, MODULES) if set(name.removesuffix(".py").split("/")) & nothing
    ] == []
