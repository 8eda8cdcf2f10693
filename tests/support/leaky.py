"""Mails in which a wording stands at one chosen place: whatever a letter of ours can carry."""

import base64
import io
import quopri
import re
import zipfile
from collections.abc import Callable
from functools import cache
from html import escape as html_escape
from typing import Final
from urllib.parse import quote
from xml.sax.saxutils import escape, quoteattr

import typst

from tests.support.letters import ROOT

CRLF: Final = "\r\n"
BODY: Final = "Chère consœur, cher confrère,\n\nVous trouverez ci-joint la lettre.\n"
HEADS: Final = {
    "From": "CH Exemple <relais@ch-exemple.mssante.fr>",
    "To": "Dr Paul TEMOIN <paul.temoin@cabinet-exemple.mssante.fr>",
    "Subject": "XDM/1.0/DDM+Lettre de liaison ESSAI Marcel 14/02/1961",
    "Date": "Tue, 24 Nov 2026 14:30:05 +0100",
    "Message-ID": "<01j9zk4m7q.1@ch-exemple.mssante.fr>",
}


_SHEET: Final = """
#set page(width: 210mm, height: 297mm, margin: 20mm)
#set text(font: ("Liberation Sans", "DejaVu Sans"), lang: "fr", hyphenate: true)
#set par(justify: true)
#set document(title: sys.inputs.title, keywords: sys.inputs.keywords)
#for row in sys.inputs.words.split("\\n") [#row #parbreak()]
"""


@cache
def _fonts() -> typst.Fonts:
    folder = ROOT / "mappings" / "letters" / "fonts"
    return typst.Fonts(include_system_fonts=False, font_paths=[str(folder)])


def pdf(words: str, *, title: str = "Lettre", keywords: str = "") -> bytes:
    """One page that shows a text, set as our letters are."""
    made = typst.compile(
        _SHEET.encode(),
        font_paths=_fonts(),
        pdf_standards=["a-1b"],
        timestamp=1_795_000_000,
        sys_inputs={"words": words, "title": title, "keywords": keywords},
    )
    assert isinstance(made, bytes)
    return made


def zipped(files: dict[str, bytes], comment: bytes = b"") -> bytes:
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
        archive.comment = comment
    return held.getvalue()


def cda(
    *,
    words: str = "Suivi régulier.",
    attribute: str = "Consultation",
    note: str = "",
    inner: str = "",
) -> bytes:
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n<ClinicalDocument xmlns="urn:hl7-org:v3">'
        f"<!-- {escape(note)} --><title>Lettre</title>"
        f'<code code="1" displayName={quoteattr(attribute)}/>'
        '<component><structuredBody><component><section><code code="46241-6"/>'
        f"<text>{inner}<paragraph>{escape(words)}</paragraph></text></section></component>"
        "</structuredBody></component></ClinicalDocument>"
    ).encode()


def level_1(words: str) -> bytes:
    held = base64.b64encode(pdf(words)).decode()
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n<ClinicalDocument xmlns="urn:hl7-org:v3">'
        '<component><nonXMLBody><text mediaType="application/pdf" representation="B64">'
        f"{held}</text></nonXMLBody></component></ClinicalDocument>"
    ).encode()


def metadata(*, slot: str = "x", name: str = "Lettre") -> bytes:
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n<SubmitObjectsRequest xmlns="urn:x">'
        f'<Slot name="authorInstitution"><ValueList><Value>{escape(slot)}</Value></ValueList>'
        f"</Slot><Name><LocalizedString value={quoteattr(name)}/></Name></SubmitObjectsRequest>"
    ).encode()


def xdm(**files: bytes) -> bytes:
    held = {
        "INDEX.HTM": b"<html><body><p>IHE XDM</p></body></html>",
        "README.TXT": "Émetteur : CH Exemple\n".encode(),
        "IHE_XDM/SUBSET01/METADATA.XML": metadata(),
        "IHE_XDM/SUBSET01/DOC0001.XML": cda(),
    }
    names = dict(zip(("index", "readme", "metadata", "cda"), list(held), strict=True))
    for key, data in files.items():
        held[names.get(key, key)] = data
    return zipped(held)


def part(data: bytes, kind: str, *, how: str = "base64", heads: str = "") -> bytes:
    """A part, in one of the transfer encodings that we or a relay may use."""
    match how:
        case "base64":
            body = base64.encodebytes(data).replace(b"\n", b"\r\n")
        case "quoted-printable":
            body = quopri.encodestring(data.replace(b"\r\n", b"\n")).replace(b"\n", b"\r\n")
        case _:
            body = re.sub(rb"\r?\n", b"\r\n", data)
    return (
        f"Content-Type: {kind}\r\n{heads}Content-Transfer-Encoding: {how}\r\n\r\n".encode() + body
    )


def mail(
    *parts: bytes, heads: dict[str, str] | None = None, before: bytes = b"", after: bytes = b""
) -> bytes:
    """A whole mail of those parts."""
    told = HEADS | (heads or {})
    top = "".join(f"{name}: {value}{CRLF}" for name, value in told.items()).encode()
    top += b'MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary="=_limit"\r\n\r\n'
    body = b"".join(b"--=_limit\r\n" + one + b"\r\n" for one in parts)
    return top + before + body + b"--=_limit--\r\n" + after


def text(words: str = BODY, charset: str = "utf-8", how: str = "quoted-printable") -> bytes:
    return part(words.encode(charset, "replace"), f"text/plain; charset={charset}", how=how)


def attached(data: bytes, kind: str, name: str = "a.bin") -> bytes:
    return part(data, kind, heads=f'Content-Disposition: attachment; filename="{name}"\r\n')


def _zip_of(**files: bytes) -> bytes:
    return mail(text(), attached(xdm(**files), "application/zip", "IHE_XDM.ZIP"))


def _encoded(words: str, how: str, charset: str = "utf-8") -> str:
    """Encoded words of RFC 2047, each of at most 40 bytes, so that letters may lie across two."""
    raw = words.encode(charset, "replace")
    out = []
    for i in range(0, len(raw), 30):
        piece = raw[i : i + 30]
        told = (
            base64.b64encode(piece).decode()
            if how == "b"
            else "".join(
                chr(one) if chr(one).isalnum() and one < 128 else f"={one:02X}" for one in piece
            )
        )
        out.append(f"=?{charset}?{how}?{told}?=")
    return "\r\n ".join(out)


def _latin(words: str) -> str:
    return words.encode("latin-1", "ignore").decode("latin-1")


def _hprim(words: str) -> bytes:
    lines = ["U59-1", "ESSAI", "MARCEL", "", "", "", "14/02/1961", "", "R-1", "24/11/2026",
             ".          CH EXEMPLE", ".          TEMOIN PAUL", "", *_latin(words).split("\n"),
             "****FIN****", "****FINFICHIER****", ""]  # fmt: skip
    return CRLF.join(lines).encode("latin-1")


def _name(words: str) -> str:
    return quote(words.replace("\n", " ").replace("/", "-") + ".pdf", safe="")


# Name of a place -> a mail in which the words stand there.
PLACES: Final[dict[str, Callable[[str], bytes]]] = {
    "subject, base64 words": lambda w: mail(
        text(), heads={"Subject": _encoded(w.replace("\n", " "), "b")}
    ),
    "sender's name, quoted words": lambda w: mail(
        text(), heads={"From": _encoded(w.replace("\n", " "), "q") + " <a@b.fr>"}
    ),
    "another header, Latin-1 words": lambda w: mail(
        text(),
        heads={"X-Mention": _encoded(_latin(w.replace("\n", " ")), "q", "iso-8859-1")},
    ),
    "file name, RFC 2231": lambda w: mail(
        text(),
        part(
            b"%PDF-1.4\n",
            "text/plain",
            heads=f"Content-Disposition: attachment;\r\n filename*=UTF-8''{_name(w)}\r\n",
        ),
    ),
    "body, quoted-printable UTF-8": lambda w: mail(text(f"{BODY}\n{w}\n")),
    "body, base64 Latin-1": lambda w: mail(
        text(f"{_latin(BODY)}\n{_latin(w)}\n", "iso-8859-1", "base64")
    ),
    "body, eight bits": lambda w: mail(text(f"{BODY}\n{w}\n", "utf-8", "8bit")),
    "HTML body": lambda w: mail(
        part(
            f"<html><body><p>Bonjour</p><p>{html_escape(w)}</p></body></html>".encode(
                "ascii", "xmlcharrefreplace"
            ),
            "text/html; charset=us-ascii",
            how="quoted-printable",
        )
    ),
    "HTML comment": lambda w: mail(
        part(
            f"<html><body><!-- {html_escape(w)} --><p>Bonjour</p></body></html>".encode(),
            "text/html; charset=utf-8",
        )
    ),
    "HPRIM text": lambda w: mail(
        part(_hprim(w), "text/plain; charset=ISO-8859-1", how="quoted-printable")
    ),
    "README of the zip": lambda w: _zip_of(readme=f"Émetteur\n{w}\n".encode()),
    "INDEX of the zip": lambda w: _zip_of(
        index=f"<html><body><li>{html_escape(w)}</li></body></html>".encode()
    ),
    "name in the zip": lambda w: _zip_of(
        **{re.sub("[/:]", "-", w.replace("\n", " ")) + ".TXT": b"rien"}
    ),
    "metadata, a value": lambda w: _zip_of(metadata=metadata(slot=w)),
    "metadata, an attribute": lambda w: _zip_of(metadata=metadata(name=w.replace("\n", " "))),
    "CDA narrative": lambda w: _zip_of(cda=cda(words=w)),
    "CDA attribute": lambda w: _zip_of(cda=cda(attribute=w.replace("\n", " "))),
    "CDA comment": lambda w: _zip_of(cda=cda(note=w.replace("--", "- -"))),
    "PDF page": lambda w: mail(text(), attached(pdf(w), "application/pdf", "a.pdf")),
    "PDF title": lambda w: mail(
        text(),
        attached(pdf("Bonjour", title=w.replace("\n", " ")), "application/pdf", "a.pdf"),
    ),
    "PDF keywords": lambda w: mail(
        text(),
        attached(pdf("Bonjour", keywords=w.replace("\n", " ")), "application/pdf", "a.pdf"),
    ),
    "PDF inside a CDA": lambda w: _zip_of(cda=level_1(w)),
    "outside the parts": lambda w: mail(text(), before=w.encode() + b"\r\n"),
    "a mail inside the mail": lambda w: mail(
        part(mail(text(w)), "message/rfc822", how="8bit"),
    ),
}
