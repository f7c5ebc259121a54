from __future__ import annotations

import pytest

from gatewayctl.rendering.sizes import sizes


@pytest.mark.parametrize("workers", range(1, 257))
def test_the_pools_of_all_workers_leave_connections_for_others(workers: int) -> None:
    chosen = sizes(workers)

    assert workers * chosen.pool + 20 <= chosen.max_connections
    assert 5 <= chosen.pool <= 10


def test_up_to_eight_workers_get_the_default_pool_and_connections() -> None:
    assert (sizes(8).pool, sizes(8).max_connections) == (10, 100)


def test_memory_grows_with_the_workers() -> None:
    assert [sizes(workers).litellm_memory for workers in (1, 4)] == [2048, 5120]
