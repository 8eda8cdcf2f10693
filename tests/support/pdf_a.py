"""The PDF/A-1a gate of the tests, with one false alarm of the validator set right."""

import re

import page

_STREAM = re.compile(rb"/Length (\d+)\b[^>]*>>\s*stream\r?\n")


def faults(pdf: bytes) -> list[str]:
    """What keeps a file from being PDF/A-1a; empty when nothing does.

    ISO 19005-1, 6.1.7: /Length is the number of bytes before the end of line that precedes
    ``endstream``. When compressed data end in CR and LF follows, the validator takes both for one
    end of line and counts one byte too few. So that finding counts only when a stream is really
    not followed by an end of line and ``endstream`` at its declared length.
    """
    report = page.validate_pdf_bytes(pdf, profile="1a")
    found = [f"{f.rule_id}: {f.message}" for f in report.failures]
    if not _lengths_hold(pdf):
        return [*found, "a stream is longer or shorter than it says"]
    return [fault for fault in found if not re.match(r"PDFA1[AB]-STREAM-LENGTH-001", fault)]


def _lengths_hold(pdf: bytes) -> bool:
    streams = list(_STREAM.finditer(pdf))
    return len(streams) == pdf.count(b"\nendstream") and all(
        pdf[m.end() + int(m.group(1)) :].startswith(b"\nendstream") for m in streams
    )
