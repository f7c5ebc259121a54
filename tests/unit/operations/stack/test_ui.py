from __future__ import annotations

from pathlib import Path

from gatewayctl.operations.stack.ui import UiReport, ui
from tests.fakes.projects import project


def test_the_admin_page_names_where_its_password_is_and_does_not_print_it(tmp_path: Path) -> None:
    settings = project(tmp_path, env="UI_PASSWORD=password-of-the-ui\n")

    report = ui(settings, "litellm")

    assert report == UiReport(
        page="litellm",
        url="http://127.0.0.1:4000/ui",
        login="user admin, password: UI_PASSWORD in .env",
    )


def test_phoenix_needs_no_login(tmp_path: Path) -> None:
    settings = project(tmp_path, "ports: {phoenix: 16006}\n")

    assert ui(settings, "phoenix") == UiReport(
        page="phoenix", url="http://127.0.0.1:16006", login=None
    )
