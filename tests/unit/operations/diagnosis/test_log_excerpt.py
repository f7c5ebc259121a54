from __future__ import annotations

import json
import re
from datetime import UTC, datetime

from gatewayctl.operations.diagnosis.log_excerpt import lines_since_start, select_relevant

SINCE = datetime(2026, 11, 23, 17, 0, tzinfo=UTC)


def test_lines_of_an_earlier_run_are_dropped() -> None:
    log = (
        "2026-11-23T16:59:00.000Z No space left on device\n"
        "  of yesterday\n"
        "2026-11-23T17:00:00.500Z starting\n"
        "  without a time\n"
        "2026-11-23 17:00:01.000 UTC [7] LOG:  as PostgreSQL writes it"
    )

    assert lines_since_start(log, SINCE).splitlines() == log.splitlines()[2:]


def test_a_log_without_times_is_kept_unchanged() -> None:
    assert lines_since_start("one\ntwo", SINCE) == "one\ntwo"


def test_a_line_with_an_invalid_time_counts_as_a_line_without_one() -> None:
    assert lines_since_start("2026-99-99T99:99:99Z one", SINCE) == "2026-99-99T99:99:99Z one"


def test_a_run_that_was_stopped_is_not_part_of_this_start() -> None:
    log = (
        "2026-11-23T17:00:01Z old\n2026-11-23T17:00:02Z INFO: Finished server process [1]\n"
        "2026-11-23T17:00:03Z new"
    )

    assert lines_since_start(log, SINCE) == "2026-11-23T17:00:03Z new"
    assert lines_since_start("\n".join(log.splitlines()[:2]), SINCE).endswith("process [1]")


def test_a_short_log_is_shown_in_full_except_for_served_requests() -> None:
    served = 'INFO:     127.0.0.1:1 - "GET /health/readiness HTTP/1.1" 200 OK'

    assert select_relevant(f"first\n{served}\n  indented\nlast") == "first\n  indented\nlast"


def test_traceback_frames_are_dropped_first_from_a_long_log() -> None:
    frame = '2026-11-23T17:00:00.000Z   File "x.py", line 1, in y'
    log = "\n".join(["first", *[frame] * 40, "ValueError: the reason", ""])

    assert select_relevant(log) == "first\nValueError: the reason"


def test_the_matching_line_is_shown() -> None:
    log = "\n".join([f"line {n}" for n in range(30)] + ["P1000"] + ["after"] * 100)

    shown = select_relevant(log, re.compile("P1000")).splitlines()

    assert "P1000" in shown
    assert len(shown) == 20


def test_colors_are_removed() -> None:
    assert select_relevant("\x1b[1;31mLiteLLM Proxy\x1b[0m") == "LiteLLM Proxy"


def test_of_a_traceback_in_json_the_error_is_shown() -> None:
    frames = 'Traceback (most recent call last):\n  File "x.py", line 1, in y\n'
    line = json.dumps({"message": f"{frames}ValueError: the reason", "level": "ERROR"})

    shown = select_relevant(f"2026-11-23T17:00:00Z {line}\nExiting.")

    assert shown == "2026-11-23T17:00:00Z ValueError: the reason\nExiting."
