"""The verb ui: the address of a web page and how to log in there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from gatewayctl.settings.model import Settings

Page = Literal["litellm", "phoenix"]


@dataclass(frozen=True, slots=True, kw_only=True)
class UiReport:
    """Where the page is; ``login`` names the user and where the password stands."""

    page: Page
    url: str
    login: str | None


def ui(settings: Settings, page: Page) -> UiReport:
    """The address of LiteLLM's admin UI or of Phoenix."""
    if page == "phoenix":
        return UiReport(page=page, url=settings.phoenix_url, login=None)
    login = "user admin, password: UI_PASSWORD in .env"
    return UiReport(page=page, url=f"{settings.gateway_url}/ui", login=login)
