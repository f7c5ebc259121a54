"""Where the templates are: inside an installed package, or at the root of a checkout.

The wheel includes ``templates/`` as ``gatewayctl/templates``; an editable install does not, so
there the folder beside ``src/`` is used. Must not know what is rendered from them.
"""

from __future__ import annotations

from pathlib import Path

import gatewayctl
from gatewayctl.errors import TemplatesMissing


def locate_templates(package: Path | None = None) -> Path:
    """Find the folder that contains a folder of templates for each runtime.

    ``package`` is the folder of the installed package, by default this one. Raises
    TemplatesMissing.
    """
    package = package or Path(gatewayctl.__path__[0])
    # The installed folder first: that of a checkout must never shadow it.
    for folder in (package / "templates", package.parent.parent / "templates"):
        if folder.is_dir():
            return folder
    raise TemplatesMissing(f"There is no templates folder in {package} or beside its source.")
