from __future__ import annotations

from pathlib import Path

import pytest

from tests.fakes.projects import problems, project


def test_packages_are_requirements_from_the_index(tmp_path: Path) -> None:
    settings = project(
        tmp_path, "embedded: {packages: [langsmith, 'mlflow>=3, <4', 'redisvl[all]==0.5']}\n"
    )

    assert settings.embedded_packages == ("langsmith", "mlflow>=3, <4", "redisvl[all]==0.5")


@pytest.mark.parametrize(
    "value",
    ["-r /etc/passwd", "--index-url=http://x", "./local", "a @ https://x/y.whl", "a; b", "a\n b"],
)
def test_an_address_a_path_or_an_option_is_refused_with_its_line(
    tmp_path: Path, value: str
) -> None:
    (found,) = problems(tmp_path, f"embedded:\n  packages: [{value!r}]\n".replace("'", '"'))

    assert found.startswith("gateway.yaml line 2 column ")
    assert "must be the name of a package" in found


def test_a_package_given_twice_is_refused(tmp_path: Path) -> None:
    (found,) = problems(tmp_path, "embedded: {packages: [Lang_Smith, lang-smith]}\n")

    assert "lang-smith is given twice" in found
