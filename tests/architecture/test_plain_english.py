"""The words people read: usual terms, imperative functions, identifiers as JSON values."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCES = sorted((ROOT / "src" / "gatewayctl").rglob("*.py"))
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("examples/**/*.md")])
TEMPLATES = sorted(path for path in (ROOT / "templates").rglob("*") if path.is_file())
UNUSUAL = {
    "recreate, regenerate, rebuild": r"\banew\b",
    "report, print, list": r"\btold\b|\btells\b",
    "another process or service": r"\bstrangers?\b",
    "model is in cooldown": r"\brests this model\b",
    "verify, check": r"\b(prov(e|es|ed|en|ing)|proofs?)\b(?!\s*[:=(])(?<!\.proof)",
    "free disk space": r"\b(no|enough|more|leave|leaves) room\b|\bdisk room\b",
    "manual edit": r"\bhand[- ]edit",
    "spend logs": r"\bledgers?\b(?!\")",
    "orphan process": r"\bstrays?\b",
    # HTTP's scheme, in quotes, is another word.
    "owner": r"\bholders?\b|(?<!\")\bbearers?\b",
    "resumed": r"\bgone on with\b",
    "in progress": r"\bat work\b",
    "current": r"\bof now\b",
    "preflight": r"\brehears",
    "clock skew": r"\bis not this machine's\b",
    "internal error": r"\ba bug in gatewayctl\b",
    "string": r"\bmust be a text\b",
    "non-negative integer": r"\bwhole numbers?\b",
    "unpaired surrogate": r"\bhalf a character\b",
    "no process, no one, unset": r"(?<![`\"])\bnobody\b(?![`\":])|\bsomebody\b",
}
"""Usual term → what to write it instead of."""
PARTICIPLE = re.compile(
    r"_?([a-z]+ed|told|made|given|known|held|kept|said|seen|taken|written|shown|found|done|sent|"
    r"built|left|gone|run_by|put|begun|chosen|hidden|broken|read_by)"
)
VERBS = frozenset({"need", "embed", "feed", "seed", "exceed", "proceed", "shed"})


def named(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("path", [*SOURCES, *PAGES, *TEMPLATES], ids=named)
def test_usual_terms_are_used(path: Path) -> None:
    unusual = [
        f"{number}: write {usual!r} in {line.strip()[:80]!r}"
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        for usual, pattern in UNUSUAL.items()
        if re.search(pattern, line)
    ]

    assert unusual == []


@pytest.mark.parametrize("path", SOURCES, ids=named)
def test_functions_are_imperative(path: Path) -> None:
    participles = [
        node.name
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef)
        and PARTICIPLE.fullmatch(node.name)
        and node.name.strip("_") not in VERBS
        # Data that reads like an attribute, such as `report.changed`.
        and not any("property" in ast.unparse(each) for each in node.decorator_list)
        # Names of the domain: `Secret.masked()`, the required variables of Compose, a named place.
        and node.name not in {"masked", "required", "named"}
    ]

    assert participles == []


@pytest.mark.parametrize("path", SOURCES, ids=named)
def test_values_that_scripts_compare_are_identifiers(path: Path) -> None:
    sentences = [
        value.value
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Subscript) and ast.unparse(node.value) == "Literal"
        for value in ast.walk(node.slice)
        if isinstance(value, ast.Constant) and isinstance(value.value, str)
        if not re.fullmatch(r"[a-z0-9_.-]*", value.value)
    ]

    assert sentences == []


def test_the_patterns_find_what_they_are_for() -> None:
    samples = {"verify, check": "the proof of it", "owner": "names its holder"}

    assert all(re.search(UNUSUAL[usual], text) for usual, text in samples.items())
    assert not re.search(UNUSUAL["verify, check"], "report.proof = proof: x")
