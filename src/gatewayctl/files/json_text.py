"""Parse JSON that may be damaged: a state file, or what a program or a model wrote."""

from __future__ import annotations

import json
from typing import Any


def parse_json(text: str) -> Any:
    """Parse any text. Raises ValueError if it is not JSON, or nested too deep for the parser."""
    try:
        return json.loads(text)
    except RecursionError:
        raise ValueError("nested too deep") from None
