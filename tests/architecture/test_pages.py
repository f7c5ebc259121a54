"""What people read names what is there: links lead somewhere, images are those of the code."""

from __future__ import annotations

import re
from dataclasses import astuple
from pathlib import Path

import pytest

from gatewayctl.settings.model import Images

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("examples/**/*.md")])


def named(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def anchors(page: Path) -> set[str]:
    """The names of a page's titles in links."""
    titles = re.findall(r"^#+ (.*)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title).lower().replace(" ", "-") for title in titles}


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_every_link_leads_somewhere(page: Path) -> None:
    for link in re.findall(r"\]\(([^)]+)\)", page.read_text(encoding="utf-8")):
        if "://" in link:
            continue
        target, _, anchor = link.partition("#")
        path = (page.parent / target).resolve() if target else page

        assert path.exists(), link
        assert not anchor or anchor in anchors(path), link


def test_the_pages_are_looked_at() -> None:
    assert {"README.md", "docs/docker.md", "docs/deployment/production.md"} <= set(
        map(named, PAGES)
    )


@pytest.mark.parametrize("page", ["docs/docker.md", "docs/deployment/production.md"])
def test_the_pages_of_docker_name_the_images_of_now(page: str) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")

    assert [image for image in astuple(Images()) if image not in text] == []
