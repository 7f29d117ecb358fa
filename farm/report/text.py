"""Text that came out of a container, made safe to show: pure.

A log, a name or a reason may hold anything. Three things must never happen: a terminal obeys it, an XML reader refuses the
file for it, a reader is shown something other than what is there. So escape sequences that only paint are dropped, and
what remains of control, bidirectional and surrogate characters is shown as its escape (``\\x1b``), never kept.
"""

from __future__ import annotations

import re

# CSI; strings (OSC, DCS, SOS, PM, APC) up to their end or that of their line; other escapes. ECMA-48, 5.3 to 5.6.
# Each repeated class excludes what may follow it: a hostile log costs no more than an honest one.
_PAINT = re.compile(
    r"\x1b(?:\[[0-?]*[ -/]*[@-~]?|[\]PX^_][^\x07\x1b\n]*(?:\x07|\x1b\\)?|[ -/]*[0-~]?)|\x9b[0-?]*[ -/]*[@-~]?"
)
_SGR = re.compile(r"(\x1b\[[0-9;:]{0,60}m)")
_ERASED = re.compile(r"\x1b\[[012]?[JK]")  # EL and ED: what stood there before is gone
_OVERSTRUCK = re.compile(r"[^\n\x08]\x08")
_HOSTILE = (
    "\x00-\x08\x0b-\x1f\x7f-\x9f\xad"  # C0 and C1 but for tab and newline, soft hyphen
    "\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f"  # bidirectional and invisible
    "\ud800-\udfff\ufdd0-\ufdef\ufeff\ufff0-\uffff\U000e0000-\U000e0fff"  # surrogates, non-characters, tags
)
_HOSTILE_IN_BODY = re.compile(f"[{_HOSTILE}]")
_HOSTILE_IN_LINE = re.compile(f"[\t\n{_HOSTILE}]")


def line(text: str) -> str:
    """``text`` as one line that holds no control character: for names, reasons, attributes and terminals."""
    if text.isascii() and text.isprintable():  # nearly all are, and there are dozens for each job
        return text
    return _HOSTILE_IN_LINE.sub(_escape, text)


def paragraph(text: str) -> str:
    """``text`` as a line, and its further lines indented below it, so that none of them can be taken for a line of ours."""
    first, *further = text.split("\n")
    return "\n".join([line(first), *(f"    {line(each)}" for each in further)])


def body(text: str) -> str:
    """``text`` as lines as a terminal would have left them: colours dropped, of progress bars what was seen last.

    What it returns is legal in XML 1.0 and harmless on a terminal.
    """
    if "\r" in text:
        text = "\n".join(_overwritten(each) if "\r" in each else each for each in text.split("\n"))
    if "\x1b" in text or "\x9b" in text:
        text = _PAINT.sub("", text)
    if "\x08" in text:
        text = _OVERSTRUCK.sub("", text)
    return _HOSTILE_IN_BODY.sub(_escape, text)


def painted(text: str) -> str:
    """``text`` as ``body`` makes it, with the sequences that paint letters (SGR) kept: for a page that draws them itself.

    A line that was overwritten has none left.
    """
    return "\n".join(_coloured(each) for each in text.split("\n")) if "\x1b[" in text else body(text)


def _coloured(line: str) -> str:
    line = line.rstrip("\r")
    if "\x1b[" not in line or "\r" in line or "\x08" in line:
        return body(line)
    parts = _SGR.split(line)
    return "".join(each if number % 2 else body(each) for number, each in enumerate(parts))


def _overwritten(text: str) -> str:
    """What a line shows in which carriage returns go back to its start: the last piece, and what sticks out of earlier ones."""
    shown = ""
    for piece in reversed(text.rstrip("\r").split("\r")):
        plain = _PAINT.sub("", piece)
        shown += plain[len(shown) :]
        if _ERASED.search(piece):
            break
    return shown


def _escape(match: re.Match[str]) -> str:
    return match[0].encode("unicode_escape").decode("ascii")
