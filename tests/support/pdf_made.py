"""A PDF/A-1b written by hand, object by object, so that a test can spoil any of them."""

import re

XMP = (
    b'<?xpacket begin="" id="W5M0MpCehiHzreSzNTczkc9d"?><x:xmpmeta xmlns:x="adobe:ns:meta/">'
    b'<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
    b'<rdf:Description rdf:about="" xmlns:pdfaid="http://www.aiim.org/pdfa/ns/id/"'
    b' pdfaid:part="1" pdfaid:conformance="B"/>'
    b'<rdf:Description rdf:about="" xmlns:dc="http://purl.org/dc/elements/1.1/"><dc:title>'
    b'<rdf:Alt><rdf:li xml:lang="x-default">Lettre</rdf:li></rdf:Alt></dc:title>'
    b'</rdf:Description></rdf:RDF></x:xmpmeta><?xpacket end="r"?>'
)


def stream(entries: bytes, content: bytes) -> bytes:
    """A stream object."""
    return b"<< %s /Length %d >>\nstream\n%s\nendstream" % (entries, len(content), content)


OBJECTS: dict[int, bytes] = {
    1: b"<< /Type /Catalog /Pages 2 0 R /Metadata 5 0 R /OutputIntents [6 0 R] /Lang (fr)"
    b" /MarkInfo << /Marked true >> /StructTreeRoot 8 0 R >>",
    2: b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
    3: b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R"
    b" /Resources << /Font << /F 9 0 R >> >> >>",
    4: stream(b"", b"BT ET"),
    5: stream(b"/Type /Metadata /Subtype /XML", XMP),
    6: b"<< /Type /OutputIntent /S /GTS_PDFA1 /OutputConditionIdentifier (sRGB)"
    b" /DestOutputProfile 7 0 R >>",
    7: stream(b"/N 3", b"\0" * 36 + b"acsp" + b"\0" * 88),
    8: b"<< /Type /StructTreeRoot /K [] >>",
    9: b"<< /Type /Font /Subtype /TrueType /BaseFont /ABCDEF+F /FontDescriptor 10 0 R >>",
    10: b"<< /Type /FontDescriptor /FontName /ABCDEF+F /FontFile2 11 0 R >>",
    11: stream(b"/Length1 4", b"font"),
    12: b"<< /Title (Lettre) >>",
}
TRAILER = b"/Root 1 0 R /Info 12 0 R /ID [<00><00>]"


def pdf(
    changes: dict[int, bytes] | None = None,
    *,
    trailer: bytes = TRAILER,
    head: bytes = b"%PDF-1.4\n%\xe2\xe3\xcf\xd3\n",
    behind: bytes = b"",
) -> bytes:
    """The file, with some objects replaced or added."""
    objects = OBJECTS | (changes or {})
    out, starts = bytearray(head), {}
    for number, content in sorted(objects.items()):
        starts[number] = len(out)
        out += b"%d 0 obj\n%s\nendobj\n" % (number, content)
    table = len(out)
    out += b"xref\n0 %d\n0000000000 65535 f \n" % (max(objects) + 1)
    for number in range(1, max(objects) + 1):
        start = starts.get(number)
        out += b"0000000000 00000 f \n" if start is None else b"%010d 00000 n \n" % start
    out += b"trailer\n<< /Size %d %s >>\n" % (max(objects) + 1, trailer)
    return bytes(out + b"startxref\n%d\n%%%%EOF\n" % table + behind)


def with_entry(number: int, entry: bytes) -> dict[int, bytes]:
    """An object with one more entry in its outer dictionary."""
    return {number: re.sub(rb"\A<< ", b"<< " + entry + b" ", OBJECTS[number])}
