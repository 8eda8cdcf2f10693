"""All that a mail says, taken apart with other tools than the engine's own; and words of prison."""

import email
import io
import re
import subprocess
import unicodedata
import zipfile
from base64 import b64decode
from collections.abc import Iterator
from email import policy
from functools import lru_cache

from lxml import etree

# Folded: lower case, no accents, one blank between words.
LEXICON = re.compile(
    r"penitent|carcer|prison|deten(?:u|tion)|maison d arret|ecrou|unites? sanitaires?|judiciaire"
    r"|condamn|prevenus?\b|liberation|parloir|surveillant|\bpeines?\b"
    r"|\b(?:usmp|ucsa|smpr|uhsi|uhsa|dss|dsp|cnpe|spip|z65\w?|capa12)\b"
)
_STREAM = re.compile(rb"stream\r?\n(?!<\?xpacket).*?endstream", re.DOTALL)


def folded(text: str) -> str:
    """Words as a reader takes them."""
    apart = unicodedata.normalize("NFKD", text.casefold())
    return re.sub(r"[^a-z0-9@.]+", " ", "".join(c for c in apart if not unicodedata.combining(c)))


def telling(mime: bytes) -> list[tuple[str, str]]:
    """Places of a mail that say prison, and the word."""
    return [
        (place, found[0])
        for place, text in texts(mime)
        for found in [LEXICON.search(re.sub(r"[@._]", " ", folded(text)))]
        if found
    ]


def texts(mime: bytes) -> Iterator[tuple[str, str]]:
    """Place and text of everything in a mail: headers, words, zip, CDA, metadata, PDF, HPRIM."""
    message = email.message_from_bytes(mime, policy=policy.default)
    for part in message.walk():
        for name, value in part.items():
            yield f"header {name}", str(value)
        if part.is_multipart():
            continue
        content = part.get_payload(decode=True)
        assert isinstance(content, bytes)
        if part.get_content_type() == "text/plain":
            charset = part.get_content_charset()
            assert charset
            yield "words", content.decode(charset)
        else:
            yield "name of a file", part.get_filename() or ""
            yield from _file(part.get_content_type(), content)


def _file(kind: str, content: bytes) -> Iterator[tuple[str, str]]:
    if content.startswith(b"PK"):
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            yield "comment of a zip", archive.comment.decode()
            for name in archive.namelist():
                yield "name in a zip", name
                yield from _file(name, archive.read(name))
    elif content.startswith(b"%PDF-"):
        yield from _pdf(content)
    elif content.startswith(b"<?xml") and kind.endswith(".XML"):
        yield from _xml(kind, content)
    else:
        yield kind, content.decode()


def _xml(kind: str, content: bytes) -> Iterator[tuple[str, str]]:
    told = []
    for element in etree.fromstring(content).iter():
        if element.get("representation") == "B64":
            yield from _pdf(b64decode(element.text or ""))
        else:
            told.append(element.text or "")
        told.append(element.tail or "")
        for name, value in element.attrib.items():
            yield f"{kind}/@{name}", str(value)
    # A word may lie in two elements.
    yield kind, " ".join(told)
    yield kind, "".join(told)


def _pdf(content: bytes) -> Iterator[tuple[str, str]]:
    shown = _pages(content)
    yield "pages", shown
    yield "pages, lines joined", re.sub(r"-?\n\s*", " ", shown)
    # Dictionaries, properties and XMP; without the streams that are packed.
    yield "properties", _STREAM.sub(b"", content).decode("latin-1")


@lru_cache(maxsize=8)
def _pages(content: bytes) -> str:
    """A mail holds the same pages three times: beside its words, in the zip, in the CDA."""
    return subprocess.run(
        ["pdftotext", "-layout", "-", "-"], input=content, capture_output=True, check=True
    ).stdout.decode()
