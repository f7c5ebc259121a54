from __future__ import annotations

from pathlib import Path

import pytest

from gatewayctl.errors import TemplatesMissing
from gatewayctl.rendering.locate import locate_templates


def test_in_an_installed_package_the_templates_are_inside(tmp_path: Path) -> None:
    package = tmp_path / "site-packages" / "gatewayctl"
    (package / "templates").mkdir(parents=True)
    (tmp_path / "templates").mkdir()

    assert locate_templates(package) == package / "templates"


def test_in_a_checkout_the_templates_are_at_its_root(tmp_path: Path) -> None:
    package = tmp_path / "src" / "gatewayctl"
    package.mkdir(parents=True)
    (tmp_path / "templates").mkdir()

    assert locate_templates(package) == tmp_path / "templates"


def test_a_package_without_templates_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(TemplatesMissing, match="no templates folder"):
        locate_templates(tmp_path / "src" / "gatewayctl")


def test_the_templates_of_this_installation_are_found() -> None:
    assert (locate_templates() / "embedded" / "litellm_config.yaml").is_file()
