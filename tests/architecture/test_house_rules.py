"""The shape of the source: what a reader may count on in every file."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

SOURCE = Path(__file__).parents[2] / "src" / "gatewayctl"
TEXTS = {
    str(path.relative_to(SOURCE)): path.read_text(encoding="utf-8")
    for path in sorted(SOURCE.rglob("*.py"))
    if path.name != "__init__.py"
}
TREES = {name: ast.parse(text) for name, text in TEXTS.items()}
# These run in another Python, without our package.
STRANGERS = (
    "runtimes/embedded/quick_start.py",
    "runtimes/embedded/prisma/fit_client.py",
)
LONGEST_FUNCTION = 60


def test_every_module_says_what_it_owns() -> None:
    assert [name for name, tree in TREES.items() if not ast.get_docstring(tree)] == []


def test_annotations_are_never_evaluated() -> None:
    line = "from __future__ import annotations\n"

    assert [name for name, text in TEXTS.items() if line not in text] == []


def test_no_function_is_longer_than_a_screen() -> None:
    lengths = {
        # Signatures of commands are long: every option has a line of help.
        f"{name}: {node.name}": (node.end_lineno or 0) - node.body[0].lineno + 1
        for name, tree in TREES.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }

    assert {name: length for name, length in lengths.items() if length > LONGEST_FUNCTION} == {}


def _values() -> Iterator[tuple[str, set[str]]]:
    """Each dataclass that leaves its module, and what its decorator says."""
    for name, tree in TREES.items():
        for node in ast.walk(tree):
            if not isinstance(node, ast.ClassDef) or node.name.startswith("_"):
                continue
            for decorator in node.decorator_list:
                if ast.unparse(decorator).startswith("dataclass"):
                    words = decorator.keywords if isinstance(decorator, ast.Call) else []
                    said = {f"{word.arg}={ast.unparse(word.value)}" for word in words}
                    yield f"{name}: {node.name}", said


def test_values_are_made_by_name() -> None:
    assert [name for name, said in _values() if "kw_only=True" not in said] == []


def test_reports_cannot_be_changed_by_whoever_shows_them() -> None:
    reports = {name: said for name, said in _values() if name.endswith("Report")}

    assert len(reports) > 10
    assert [name for name, said in reports.items() if "frozen=True" not in said] == []


def test_no_handler_catches_everything() -> None:
    bare = [
        f"{name}:{node.lineno}"
        for name, tree in TREES.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.ExceptHandler) and node.type is None
    ]

    assert bare == []


def test_no_command_works_on_one_system_only() -> None:
    gnu_only = re.compile(
        r"\b(sed -i|readlink -f|stat -c|grep -P|date -d|cp --|du --|ps .*--sort|xargs -r) |/proc/"
    )
    found = {name for name, text in TEXTS.items() if gnu_only.search(text)}

    # Root with capabilities is of Linux only; a pid of macOS is looked up by psutil instead.
    assert found == {
        "runtimes/embedded/postgres/privileges.py",
        "runtimes/embedded/orphans.py",
    }


def test_what_runs_in_another_python_imports_nothing_of_ours() -> None:
    ours = re.compile(r"^\s*(from|import) gatewayctl", re.MULTILINE)

    assert [name for name in STRANGERS if ours.search(TEXTS[name])] == []
