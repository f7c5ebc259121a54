"""The verb ui: the address of a web page and how to log in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from gatewayctl.errors import PhoenixUnreachable
from gatewayctl.settings.model import Settings
from gatewayctl.settings.sections.external import NO_PHOENIX

Page = Literal["litellm", "phoenix"]


@dataclass(frozen=True, slots=True, kw_only=True)
class UiReport:
    """The page's address; ``login`` names the user and where to find the password."""

    page: Page
    url: str
    login: str | None


def ui(settings: Settings, page: Page) -> UiReport:
    """Return the address of LiteLLM's admin UI or of Phoenix.

    Raises PhoenixUnreachable if an external gateway has none.
    """
    if page == "phoenix" and not settings.phoenix_url:
        raise PhoenixUnreachable("No address of Phoenix is known.", hint=NO_PHOENIX)
    if page == "phoenix":
        return UiReport(page=page, url=settings.phoenix_url, login=None)
    login = None if settings.is_external else "user admin, password: UI_PASSWORD in .env"
    return UiReport(page=page, url=f"{settings.gateway_url}/ui", login=login)
