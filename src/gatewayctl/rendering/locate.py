"""Where the templates are: inside an installed package, or at the root of a checkout.

Owns the two places. The wheel carries ``templates/`` as ``gatewayctl/templates``; an
editable install does not, so there the folder beside ``src/`` is used. Must not know what
is rendered from them.
"""

from __future__ import annotations

from pathlib import Path

import gatewayctl
from gatewayctl.errors import TemplatesMissing


def locate_templates(package: Path | None = None) -> Path:
    """The folder that holds one folder of templates per runtime.

    ``package`` is the folder of the installed package, this one unless given. Raises
    TemplatesMissing.
    """
    package = package or Path(gatewayctl.__path__[0])
    # The installed place first: a checkout's folder must never shadow what was installed.
    for folder in (package / "templates", package.parent.parent / "templates"):
        if folder.is_dir():
            return folder
    raise TemplatesMissing(f"There is no folder templates in {package} or beside its source.")
