"""The verb ui: the address of a web page and how to log in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from gatewayctl.errors import UsageProblem
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

    Raises UsageProblem if no declared trace store is a Phoenix.
    """
    if page == "phoenix":
        store = settings.asked_store
        if store is None:
            other = "Open the trace store that tracing: in gateway.yaml names."
            raise UsageProblem(
                "This project has no Phoenix.", hint=NO_PHOENIX if settings.is_external else other
            )
        login = None if store.is_own else f"a user of that Phoenix ({store.name})"
        return UiReport(page=page, url=store.endpoint, login=login)
    login = None if settings.is_external else "user admin, password: UI_PASSWORD in .env"
    return UiReport(page=page, url=f"{settings.gateway_url}/ui", login=login)
