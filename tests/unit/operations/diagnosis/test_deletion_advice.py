"""Advice that deletes data is given only in a state that warrants it."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from gatewayctl.errors import SaltKeyChanged, VolumesMissing
from gatewayctl.operations.diagnosis.causes import Symptoms, recognize_cause
from gatewayctl.operations.diagnosis.findings.table import FINDINGS
from gatewayctl.operations.state import salt_key
from gatewayctl.settings.model import Settings
from tests.fakes.docker import FakeDocker
from tests.fakes.driving import report_of
from tests.fakes.projects import project
from tests.fakes.runtime import up_and_running
from tests.unit.operations.diagnosis.test_causes import ALEMBIC, PRISMA_P1000, VERSION
from tests.unit.runtimes.docker.faked_engine import free_port, on_ports, runtime_of
from tests.unit.test_errors import CLASSES

SOURCE = Path(__file__).parents[4] / "src" / "gatewayctl"
DELETES_DATA = re.compile(r"down --volumes|gatewayctl reset|\brm -")


def _strings(path: Path) -> Iterator[str]:
    """The strings of a module, without docstrings and the parts of other strings."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    docstrings = {
        id(node.value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    }
    strings = (node for node in ast.walk(tree) if isinstance(node, ast.Constant))
    yield from (str(node.value) for node in strings if id(node) not in docstrings)


def _salt_key(folder: Path, value: str) -> Settings:
    return project(folder, env=f"LITELLM_SALT_KEY={value}\n" if value else "")


def _salt_key_is_lost(folder: Path) -> bool:
    """True if the advice is given for a key that is lost, and not for one that can be recovered."""
    key = _salt_key(folder, "sk-salt-0123456789abcdef").secrets.salt_key
    (folder / ".gatewayctl").mkdir()
    salt_key.record_salt_key(_salt_key(folder, "sk-salt-0123456789abcdef"))
    lost = _salt_key(folder, "")
    assert salt_key.recover_salt_key(lost, up_and_running(salt_key=key)) == key
    with pytest.raises(SaltKeyChanged) as while_unknown:
        salt_key.require_same_salt_key(lost)
    assert not DELETES_DATA.search(while_unknown.value.hint)
    with pytest.raises(SaltKeyChanged) as refused:
        salt_key.recover_salt_key(lost, up_and_running())
    return bool(DELETES_DATA.search(refused.value.hint))


def _postgres_cannot_read_its_data(folder: Path) -> bool:
    """True if PostgreSQL itself says so; what other programs say of it is another finding."""

    def finding(service: str, log: str) -> str:
        cause = recognize_cause(Symptoms(service=service, log=log, runtime="docker"))
        return "" if cause is None else cause.finding

    others = [("litellm", PRISMA_P1000), ("phoenix", ALEMBIC), ("litellm", VERSION)]
    return (
        finding("postgres-litellm", VERSION)
        == "database_damaged"
        not in {finding(*other) for other in others}
    )


def _the_engine_has_none_of_the_volumes(folder: Path) -> bool:
    """True if the engine that has the data is not refused, and another one is."""
    settings, docker = on_ports(folder / "shop", free_port()), FakeDocker(identity="own")
    report_of(runtime_of(settings, docker).start())
    report_of(runtime_of(settings, docker).stop())
    runtime_of(settings, docker).preflight()
    with pytest.raises(VolumesMissing):
        runtime_of(settings, FakeDocker(identity="other")).preflight()
    return True


WARRANTED: dict[str, Callable[[Path], bool]] = {
    "salt_key_changed": _salt_key_is_lost,
    "database_damaged": _postgres_cannot_read_its_data,
    "volumes_missing": _the_engine_has_none_of_the_volumes,
}


def _remedies() -> dict[str, str]:
    """Every remedy by the code of its error or finding."""
    return {kind.code: kind.remedy for kind in CLASSES} | {
        finding.id: finding.remedy for finding in FINDINGS.values()
    }


def test_only_these_remedies_delete_data() -> None:
    assert {code for code, text in _remedies().items() if DELETES_DATA.search(text)} == set(
        WARRANTED
    )


@pytest.mark.parametrize("code", WARRANTED)
def test_a_remedy_that_deletes_is_given_in_a_state_that_warrants_it(
    code: str, tmp_path: Path
) -> None:
    assert WARRANTED[code](tmp_path)


@pytest.mark.parametrize("code", WARRANTED)
def test_a_remedy_that_deletes_comes_last_and_says_how_the_data_comes_back(code: str) -> None:
    first, *rest = re.split(r"(?<=\.) |(?<=: )", _remedies()[code])

    assert rest
    assert not DELETES_DATA.search(first)
    assert re.search(r"makes a backup first|backs up|restores a backup", _remedies()[code])


def test_no_other_text_advises_to_delete_data() -> None:
    found = {
        path.relative_to(SOURCE).as_posix()
        for path in SOURCE.rglob("*.py")
        for text in _strings(path)
        if DELETES_DATA.search(text)
    }

    assert found == {
        "errors/runtime.py",
        "errors/settings.py",
        "operations/diagnosis/findings/stack.py",
        # The names of verbs, not advice.
        "operations/stack/down.py",
        "operations/state/exclusive.py",
    }
