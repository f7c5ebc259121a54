"""Every example of a whole gateway.yaml in docs/ loads and can be rendered."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

import pytest

from gatewayctl.rendering.plan import plan_files
from gatewayctl.settings.load import load_settings
from gatewayctl.settings.model import RuntimeName

DOCS: Final = Path(__file__).parents[3] / "docs"
PAGE: Final = (DOCS / "configuration.md").read_text(encoding="utf-8")
CLUSTER: Final = (DOCS / "deployment" / "kubernetes.md").read_text(encoding="utf-8")
EXAMPLE: Final = re.compile(r"```yaml\n(# gateway\.yaml\n.*?)```", re.DOTALL)
EXAMPLES: Final = EXAMPLE.findall(PAGE)
VARIABLES: Final = {
    "DATABASE_URL": "postgresql://gateway:p%40ss@db.example.com:5432/litellm",
    "PHOENIX_CLOUD_KEY": "key-of-the-cloud-0123456789",
    "LANGFUSE_HEADERS": "Authorization=Basic%20cGstbGYtMTIzOnNrLWxmLTQ1Ng==",
}


def test_every_yaml_block_of_the_page_is_an_example() -> None:
    assert PAGE.count("```yaml") == len(EXAMPLES) >= 12


@pytest.mark.parametrize("text", [*EXAMPLES, *EXAMPLE.findall(CLUSTER)])
def test_an_example_loads_and_is_rendered(text: str, tmp_path: Path) -> None:
    (tmp_path / "gateway.yaml").write_text(text)

    settings = load_settings(tmp_path, environ=VARIABLES)

    if not settings.is_external:
        runtimes: tuple[RuntimeName, ...] = ("docker", "embedded", "kubernetes")
        for runtime in runtimes if settings.runtime == "auto" else (settings.runtime,):
            assert plan_files(settings, runtime=runtime)
