from __future__ import annotations

import pytest

from gatewayctl.runtimes.database_shell import clean_psql_errors

REFUSED = 'psql: error: connection to server at "2001:db8:1:2::3", port 5433 failed: FATAL:  no'


@pytest.mark.parametrize(
    ("errors", "message"),
    [
        ("psql:<stdin>:2: ERROR:  no such table\n", "ERROR:  no such table"),
        ("psql:/a b/x.sql:12: ERROR:  a\npsql:/a b/x.sql:13: NOTICE:  b", "ERROR:  a\nNOTICE:  b"),
        (f"{REFUSED}\n", REFUSED),
        ("", ""),
    ],
)
def test_the_errors_of_postgresql_come_without_file_and_line(errors: str, message: str) -> None:
    assert clean_psql_errors(errors) == message
