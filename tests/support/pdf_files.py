"""PDF files written by hand: what no honest program writes."""

import zlib

_CATALOG = b"<< /Type /Catalog /Pages 2 0 R >>"
_PAGES = b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>"
_PAGE = (
    b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R "
    b"/Resources << /XObject << /X 5 0 R >> >> >>"
)


def _file(*objects: bytes) -> bytes:
    out, starts = bytearray(b"%PDF-1.7\n"), []
    for number, content in enumerate(objects, 1):
        starts.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, content)
    table = len(out)
    out += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    out += b"".join(b"%010d 00000 n \n" % start for start in starts)
    out += b"trailer\n<< /Size %d /Root 1 0 R >>\n" % (len(objects) + 1)
    return bytes(out + b"startxref\n%d\n%%%%EOF\n" % table)


def _stream(entries: bytes, content: bytes) -> bytes:
    return b"<< %s /Length %d >>\nstream\n%s\nendstream" % (entries, len(content), content)


def endless() -> bytes:
    """A page of 3 KB that draws twenty forms, each of which draws twenty, nine levels down."""
    twenty = b"/X Do\n" * 20
    box = b"/Type /XObject /Subtype /Form /BBox [0 0 595 842]"
    levels = [
        _stream(box + b" /Resources << /XObject << /X %d 0 R >> >>" % below, twenty)
        for below in range(6, 14)
    ]
    square = _stream(box, b"0 0 595 842 re f\n")
    return _file(_CATALOG, _PAGES, _PAGE, _stream(b"", twenty), *levels, square)


def immense() -> bytes:
    """A page with a picture of 50,000 by 50,000 dots, 2.5 GB, packed twice."""
    side = 50_000
    runs = zlib.compress(b"\x81\x00" * (side * side // 128), 6)  # 128 times 0 (PDF 1.7, 7.4.5)
    picture = _stream(
        b"/Type /XObject /Subtype /Image /Width %d /Height %d /ColorSpace /DeviceGray "
        b"/BitsPerComponent 8 /Filter [/FlateDecode /RunLengthDecode]" % (side, side),
        runs,
    )
    show = _stream(b"", b"595 0 0 842 0 0 cm /X Do\n")
    return _file(_CATALOG, _PAGES, _PAGE, show, picture)
