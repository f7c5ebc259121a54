"""Adapts the generated Prisma client to LiteLLM. Run once after every ``prisma generate``.

Run by the interpreter that the client is installed for: ``python fit_client.py``; repeatable. Uses
the standard library only, not gatewayctl. The generated client has two problems:

- For LiteLLM's schema ``prisma/types.py`` has 250 000 lines of TypedDicts, which take three seconds
  at each start although only type checkers need them. They are moved to a module that is loaded
  on demand.
- LiteLLM replaces the client's engine through ``_Prisma__engine``, the attribute's name in prisma
  0.11. In 0.15 that fails with an AttributeError: LiteLLM warns at each start and never reconnects
  to its database after the engine process has died.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path

_MARKER = "# fitted to LiteLLM by gatewayctl"
_ALL_TYPES = "_all_types"

_TYPES = f'''{_MARKER}
"""The few names the client needs at run time; all others are loaded on demand."""

from typing import Any

from . import _types

MetricsFormat = _types.MetricsFormat
DatasourceOverride = _types.DatasourceOverride
HttpConfig = _types.HttpConfig
SortMode = _types.SortMode
SortOrder = _types.SortOrder


def __getattr__(name: str) -> Any:
    if name.startswith("__"):
        raise AttributeError(name)
    from . import {_ALL_TYPES} as everything

    return getattr(everything, name)
'''

_ENGINE_ALIAS = f"""

{_MARKER}
def _set_engine(client, engine):
    client._internal_engine = engine


Prisma._Prisma__engine = property(lambda client: client._internal_engine, _set_engine)
"""


def fit(package: Path) -> None:
    """Adapt the client in the folder ``package``. Raises SystemExit when there is none."""
    types, client = package / "types.py", package / "client.py"
    if not types.is_file() or not client.is_file():
        raise SystemExit(f"{package}: no generated client; run prisma generate first")
    source = types.read_text(encoding="utf-8")
    if not source.startswith(_MARKER):
        # The copy first: an interruption must leave a complete client.
        _replace(package / f"{_ALL_TYPES}.py", source)
        _replace(types, _TYPES)
    source = client.read_text(encoding="utf-8")
    if _MARKER not in source:
        _replace(client, source + _ENGINE_ALIAS)


def _replace(path: Path, text: str) -> None:
    fresh = path.with_name(path.name + ".new")
    fresh.write_text(text, encoding="utf-8")
    fresh.replace(path)


def main() -> None:
    """Find the installed client without importing it, and adapt it."""
    spec = importlib.util.find_spec("prisma")
    if spec is None or not spec.submodule_search_locations:
        raise SystemExit("the package prisma is not installed")
    fit(Path(spec.submodule_search_locations[0]))


if __name__ == "__main__":
    main()
