"""What a container printed is neither obeyed nor believed."""

from __future__ import annotations

import re
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from farm.report.text import body, line, painted

# Every character there is, the hostile ones much more often.
ANY = st.text(st.one_of(st.characters(), st.sampled_from("\x1b[];\\\x07\x08\r\n\t\0\x9b\x7f\u202e\u200b\ud800\ufffe")))
XML = {0x9, 0xA, 0xD}


def legal_in_xml(text: str) -> bool:
    """XML 1.0, 2.2."""
    return all(
        ord(each) in XML or 0x20 <= ord(each) <= 0xD7FF or 0xE000 <= ord(each) <= 0xFFFD or ord(each) >= 0x10000
        for each in text
    )


def harmless(text: str) -> bool:
    """No control, surrogate, bidirectional or other invisible format character."""
    return not any(
        unicodedata.category(each) in ("Cc", "Cs") or unicodedata.bidirectional(each) in BIDI for each in text
    )


BIDI = {"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"}


@given(ANY)
def test_D02_D03_a_line_is_one_line_and_harmless(text):
    shown = line(text)
    assert harmless(shown)
    assert legal_in_xml(shown)
    assert line(shown) == shown


@given(ANY)
def test_D02_D03_a_body_is_lines_and_harmless(text):
    shown = body(text)
    assert harmless(shown.replace("\n", "").replace("\t", ""))
    assert legal_in_xml(shown)
    assert body(shown) == shown


@given(st.text(st.characters(codec="utf-8", categories=("L", "N", "P", "S", "Zs"), max_codepoint=0x1FFFF)))
def test_honest_text_stays_as_it_is(text):
    assert line(text) == text
    assert body(text) == text


@pytest.mark.parametrize(
    ("printed", "shown"),
    [
        ("\x1b[1;31mred\x1b[0m", "red"),
        ("\x1b]0;title\x07text", "text"),
        ("\x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\", "link"),
        ("\x9b31mred", "red"),
        ("10%\r50%\r100%\n", "100%\n"),
        ("ERROR: this matters\rX\n", "XRROR: this matters\n"),
        ("a long line of progress\r\x1b[Kdone\n", "done\n"),
        ("\x1b[31mred and long\x1b[0m\rshort\n", "shortnd long\n"),
        ("dos\r\nlines\r\n", "dos\nlines\n"),
        ("b\x08bo\x08ol\x08ld\x08d", "bold"),
        ("\x1b]0;never ended\nnext line", "\nnext line"),
        ("\x1b", ""),
        ("\0\x01", "\\x00\\x01"),
        ("\u202egnp.exe", "\\u202egnp.exe"),
    ],
)
def test_what_only_paints_goes_and_the_rest_is_shown(printed, shown):
    assert body(printed) == shown


@pytest.mark.parametrize(
    ("said", "left"),
    [
        ("\x1b[1;31mred\x1b[0m", "\x1b[1;31mred\x1b[0m"),
        ("\x1b[31mred\x1b[0m\r", "\x1b[31mred\x1b[0m"),
        ("\x1b[2J\x1b[31mx", "\x1b[31mx"),
        ("\x1b]0;title\x07\x1b[32mx", "\x1b[32mx"),
        ("1%\r\x1b[31m2%", "2%"),
        ("\x1b[31m\x07\u202e", "\x1b[31m\\x07\\u202e"),
        ("\x1b[>4;1mx", "x"),
        ("a\x1b[38;5;196mb\nc", "a\x1b[38;5;196mb\nc"),
    ],
)
def test_D03_painted_text_keeps_colours_and_nothing_else(said, left):
    assert painted(said) == left


@given(st.text(st.characters()))
def test_painted_text_without_its_colours_is_harmless(said):
    left = re.sub("\x1b\\[[0-9;:]*m", "", painted(said))
    assert body(left) == left
