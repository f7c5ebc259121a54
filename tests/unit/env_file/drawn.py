"""What hypothesis draws for .env: names, values, lines."""

from __future__ import annotations

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

NASTY = "'\"\\$`{}()#~!=:;&*|<>%^?[] \tan0é€"

# a busy machine draws slowly; that says nothing about the code
PATIENT = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
few = settings(PATIENT, max_examples=40)
more = settings(PATIENT, max_examples=60)

names = st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,12}", fullmatch=True)
sh_names = names.map("T_{}".format)
"""Names that are no shell's own variables."""

values = st.text(
    st.one_of(
        st.sampled_from(NASTY),
        st.characters(min_codepoint=0x20, exclude_categories=["Cs", "Cc"]),
    ),
    max_size=12,
)
"""Values without line breaks and control characters; some can be written, some not."""

any_text = st.text(
    st.one_of(st.sampled_from("AB=='\"\\#\n\n\r\t $ "), st.characters(exclude_categories=["Cs"])),
    max_size=60,
)
"""Text that may be anything, most of it near to what parsers stumble over."""

other_lines = st.lists(
    st.sampled_from(
        [
            "",
            "   ",
            "# plain comment",
            "# TARGET=in a comment, it's none",
            "#TARGET='",
            "OTHER=plain",
            "export OTHER=exported",
            "OTHER='single # quoted'  # with a comment",
            'OTHER="double = quoted"',
            "  INDENTED=yes",
            "EMPTY=",
            "EMPTY= # nothing",
            "TARGET_TWO='another name'",
            "A_TARGET=another-name",
            "MULTI='first\nTARGET=in a value\nlast'",
        ]
    ),
    max_size=6,
)
"""Lines that all three readers understand and that do not define TARGET."""

target_lines = st.sampled_from(
    [
        "TARGET=old",
        "export TARGET=old",
        "TARGET='old'",
        'TARGET="old"',
        "  TARGET=old",
        "\texport  TARGET='old'",
        "TARGET=old # keep = this",
        "TARGET='o # d'   # keep 'this",
        'TARGET="o\\"#d"\t# keep this',
        "TARGET='old'# keep this",
        "TARGET = old",
        "'TARGET'=old",
        "TARGET=",
        "TARGET= # keep this",
        "TARGET",
        "export TARGET # keep this",
        "TARGET='two\nlines'",
    ]
)
