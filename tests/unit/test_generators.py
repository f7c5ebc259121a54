"""Generators run by hand: their items, their result, and their end."""

from __future__ import annotations

from collections.abc import Generator

from gatewayctl.generators import drain, transform


def counting(closed: list[bool]) -> Generator[int, None, str]:
    try:
        yield 1
        yield 2
    finally:
        closed.append(True)
    return "done"


def test_a_drained_generator_returns_its_result_and_hands_over_every_item() -> None:
    items: list[int] = []

    assert drain(counting([]), items.append) == "done"
    assert items == [1, 2]
    assert drain(counting([])) == "done"


def test_a_transformed_generator_yields_any_number_of_items_and_keeps_the_result() -> None:
    items: list[str] = []

    result = drain(transform(counting([]), lambda item: ["x"] * item), items.append)

    assert result == "done"
    assert items == ["x", "x", "x"]


def test_closing_a_transformed_generator_closes_the_one_below() -> None:
    closed: list[bool] = []
    events = transform(counting(closed), lambda item: [item])
    next(events)

    events.close()

    assert closed == [True]
