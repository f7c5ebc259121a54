"""Every example of docs/configuration.md loads and can be rendered."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

import pytest

from gatewayctl.rendering.plan import plan_files
from gatewayctl.settings.load import load_settings

PAGE: Final = (Path(__file__).parents[3] / "docs" / "configuration.md").read_text(encoding="utf-8")
EXAMPLES: Final = re.findall(r"```yaml\n(# gateway\.yaml\n.*?)```", PAGE, re.DOTALL)
VARIABLES: Final = {
    "DATABASE_URL": "postgresql://gateway:p%40ss@db.example.com:5432/litellm",
    "PHOENIX_CLOUD_KEY": "key-of-the-cloud-0123456789",
    "LANGFUSE_HEADERS": "Authorization=Basic%20cGstbGYtMTIzOnNrLWxmLTQ1Ng==",
}


def test_every_yaml_block_of_the_page_is_an_example() -> None:
    assert PAGE.count("```yaml") == len(EXAMPLES) >= 12


@pytest.mark.parametrize("text", EXAMPLES)
def test_an_example_loads_and_is_rendered(text: str, tmp_path: Path) -> None:
    (tmp_path / "gateway.yaml").write_text(text)

    settings = load_settings(tmp_path, environ=VARIABLES)

    if not settings.is_external:
        for runtime in ("docker", "embedded"):
            assert plan_files(settings, runtime=runtime)
