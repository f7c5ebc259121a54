"""Limits of the services: of those in containers from the number of LiteLLM's workers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

# The defaults of PostgreSQL, and of LiteLLM for each worker.
_CONNECTIONS: Final = 100
_POOL: Final = 10
_SMALLEST_POOL: Final = 5
# For migrations, index builds, backups, interactive psql and PostgreSQL's own three.
_SPARE: Final = 20
KEEPALIVE_SECONDS: Final = 75
"""How long LiteLLM keeps an idle connection, instead of 5 seconds. A client whose request meets the
end of its connection sees a failure. The usual load balancers end theirs after 60 seconds, and
httpx, with OpenAI's SDK, after 5 itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sizes:
    """Connections to LiteLLM's database, and memory in MiB.

    ``pool`` is that of one worker; ``workers * pool`` leaves at least 20 of ``max_connections``.
    """

    pool: int
    max_connections: int
    litellm_memory: int


def sizes(workers: int) -> Sizes:
    """The limits for that many workers."""
    pool = max(_SMALLEST_POOL, min(_POOL, (_CONNECTIONS - _SPARE) // workers))
    return Sizes(
        pool=pool,
        max_connections=max(_CONNECTIONS, workers * pool + _SPARE),
        # An idle worker takes about 0.5 GiB, and long prompts take more.
        litellm_memory=1024 * (workers + 1),
    )
