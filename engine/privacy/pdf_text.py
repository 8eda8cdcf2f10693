"""The words of a PDF: pages, titles, properties, notes, bookmarks, form fields, embedded files.

Pictures are not read: a word in a bitmap, or drawn as lines, is not seen. Text whose font does not
say what its codes mean is told as unreadable.

Source  ISO 32000-1, 7.7.3 (page tree), 12.3.3 (outline), 14.3 (metadata).
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from engine.privacy import markup
from engine.privacy.pdf_fonts import Font, font_of
from engine.privacy.pdf_objects import PICTURES, Found, filters_of, unpacked
from engine.privacy.pdf_page import Page
from engine.privacy.pdf_strings import text_string, tokens
from engine.privacy.pieces import Budget
from engine.verify.pdf_syntax import PdfError, Ref, Stream
from engine.verify.xml import XmlError, parse

MOST_PAGE: Final = 8 * 1024 * 1024  # bytes of one page's content
# ISO 32000-1, 14.4: two strings of 16 bytes, or the 24 letters of their Base64.
_FILE_ID: Final = re.compile(
    rb"/ID\s*\[\s*(?:\([A-Za-z0-9+/]{22}==\)\s*|<[0-9A-Fa-f]{32}>\s*){2}\]"
)
# The same in XMP (part 2, 2.2: Media Management).
_XMP_ID: Final = re.compile(
    rb"<xmpMM:(InstanceID|DocumentID|OriginalDocumentID)>"
    rb"(?:uuid:)?(?:[A-Za-z0-9+/]{22}==|[0-9A-Fa-f-]{32,36})</xmpMM:\1>"
)
_FONT_FILES: Final = ("FontFile", "FontFile2", "FontFile3")


def read(data: bytes, place: str, budget: Budget, file: str) -> Iterator[tuple[str, bytes]]:
    """Add all words of a file to ``budget``; give the files embedded in it."""
    try:
        yield from _read(data, place, budget, file)
    except (PdfError, RecursionError):
        budget.unreadable(place)


def _read(data: bytes, place: str, budget: Budget, file: str) -> Iterator[tuple[str, bytes]]:
    found = Found(data)
    if re.search(rb"/Encrypt[\s\0]*(?:<<|[0-9])", data):
        budget.unreadable(place)
        return
    _between(found, place, budget, file)
    for content in found.open_object_streams():
        budget.add_segments(f"{place} > PDF", _strings(content, "object stream"), file)
    reader = _Pages(found)
    for number, stream in found.streams:
        here = f"{place} > PDF object {number}"
        kind = stream.dictionary
        if kind.get("Type") in ("ObjStm", "XRef") or number in reader.fonts_programs:
            continue
        if found.value(kind.get("Subtype")) == "Image" or PICTURES & {*filters_of(found, stream)}:
            continue
        if number in reader.in_pages:
            continue
        told = unpacked(found, stream)
        if told is None:
            budget.unreadable(here)
            continue
        content = told
        if kind.get("Type") == "EmbeddedFile" or number in reader.embedded:
            yield f"{here} (embedded file)", content
        elif kind.get("Type") == "Metadata" or kind.get("Subtype") == "XML":
            _metadata(content, f"{place} > PDF metadata", budget, file)
        elif number in reader.tables or b"begincmap" in content[:4096]:
            continue
        elif "N" in kind and content[36:40] == b"acsp":
            continue  # what colours mean: an ICC profile
        else:
            fonts = reader.fonts_of(stream.dictionary.get("Resources"))
            _page(content, fonts, here, budget, file)
    for number, (content, fonts) in enumerate(reader.pages(), 1):
        _page(content, fonts, f"{place} > PDF page {number}", budget, file)


class _Pages:
    """Pages and their fonts; what the other streams are for."""

    def __init__(self, file: Found) -> None:
        self._file = file
        self._fonts: dict[Any, Font] = {}
        self._all: dict[str, Font] = {}
        self.in_pages: set[int] = set()
        self.fonts_programs: set[int] = set()
        self.embedded: set[int] = set()
        self.tables: set[int] = set()
        self._pages: list[dict[str, Any]] = []
        for one in self._dictionaries():
            self._sort(one)

    def _dictionaries(self) -> Iterator[dict[str, Any]]:
        """The dictionaries that pages, fonts and colours are told by."""
        told = re.compile(
            rb"/Type\s*/(?:Page\b|Font|Filespec|OutputIntent)|/FontFile|/EF\b|/ICCBased"
        )
        seen = set()
        for start, end in self._file.regions:
            for found in told.finditer(self._file.data, start, end):
                number = self._file.number_at(found.start())
                if number not in seen:
                    seen.add(number)
                    value = self._file.object(number)
                    yield from _inside(value)
        for number in [*self._file._parsed]:
            if number not in seen and not isinstance(self._file._parsed[number], Stream):
                yield from _inside(self._file._parsed[number])

    def _sort(self, one: dict[str, Any]) -> None:
        if one.get("Type") == "Page":
            self._pages.append(one)
            self.in_pages.update(ref.number for ref in self._contents(one))
        for key in _FONT_FILES:
            self._note(self.fonts_programs, one.get(key))
        for key in ("DestOutputProfile", "CIDToGIDMap", "CIDSet", "ToUnicode"):
            self._note(self.tables, one.get(key))
        if isinstance(held := one.get("EF"), dict):
            for ref in held.values():
                self._note(self.embedded, ref)

    def _note(self, numbers: set[int], held: Any) -> None:
        if isinstance(held, Ref):
            numbers.add(held.number)

    def _contents(self, page: dict[str, Any]) -> list[Ref]:
        held = page.get("Contents")
        if isinstance(held, Ref) and isinstance(whole := self._file.value(held), list):
            held = whole
        return [one for one in (held if isinstance(held, list) else [held]) if isinstance(one, Ref)]

    def pages(self) -> Iterator[tuple[bytes, Mapping[str, Font]]]:
        """Each page's content and fonts, in the order of the file. Raises PdfError."""
        for page in self._pages:
            contents = []
            for ref in self._contents(page):
                stream = self._file.value(ref)
                content = unpacked(self._file, stream) if isinstance(stream, Stream) else None
                if content is None:
                    raise PdfError("pdf-stream", "the content of a page cannot be read")
                contents.append(content)
            yield b"\n".join(contents), self.fonts_of(self._inherited(page))

    def _inherited(self, page: dict[str, Any]) -> Any:
        for _ in range(20):
            if "Resources" in page:
                return page["Resources"]
            page = self._file.dictionary(page.get("Parent"))
        return None

    def fonts_of(self, resources: Any) -> Mapping[str, Font]:
        """The fonts by the names that a content uses; those of other pages where it tells none."""
        named = self._file.dictionary(self._file.dictionary(resources).get("Font"))
        for name, held in named.items():
            key = held.number if isinstance(held, Ref) else id(held)
            if key not in self._fonts:
                self._fonts[key] = font_of(self._file, held)
            self._all[name] = self._fonts[key]
        return {**self._all}


def _inside(value: Any) -> Iterator[dict[str, Any]]:
    waiting = [value]
    while waiting:
        one = waiting.pop()
        if isinstance(one, dict):
            yield one
            waiting += one.values()
        elif isinstance(one, list):
            waiting += one


def _between(found: Found, place: str, budget: Budget, file: str) -> None:
    """Texts of dictionaries (titles, properties, notes), comments, and names."""
    segments: list[str] = []
    offsets: list[int] = []
    names: set[bytes] = set()
    for start, end in found.regions:
        # The numbers that tell one file from another are no words, and look like some by chance.
        numbers = [one.span() for one in _FILE_ID.finditer(found.data, start, end)]
        for kind, told, at in tokens(found.data, start, end):
            if kind == "name":
                names.add(told)
            elif not any(a <= at < b for a, b in numbers):
                segments.append(text_string(told) if kind == "string" else told.decode("latin-1"))
                offsets.append(at)
            if kind == "open":
                budget.unreadable(f"{place} > PDF object {found.number_at(at)}")
    segments.append(_names(names))
    offsets.append(-1)

    def inner(segment: int) -> str:
        at = offsets[min(segment, len(offsets) - 1)]
        return "names" if at < 0 else f"object {found.number_at(at)}"

    joined = "\x1d".join(one.replace("\x1d", " ") for one in segments)
    budget.add(f"{place} > PDF", joined, inner, file)


def _strings(content: bytes, told: str) -> list[tuple[str, str]]:
    found = list(tokens(content, 0, len(content)))
    rows = [
        (told, text_string(text) if kind == "string" else text.decode("latin-1"))
        for kind, text, _ in found
        if kind in ("string", "open")
    ]
    names = {text for kind, text, _ in found if kind == "name"}
    return [*rows, (f"{told}, names", _names(names))]


def _names(names: set[bytes]) -> str:
    whole = b"\n".join(sorted(names))
    undone = re.sub(rb"#([0-9A-Fa-f]{2})", lambda m: bytes([int(m[1], 16)]), whole)
    try:
        return undone.decode("utf-8")
    except UnicodeDecodeError:
        return undone.decode("latin-1")


def _metadata(content: bytes, place: str, budget: Budget, file: str) -> None:
    content = _XMP_ID.sub(b"", content)
    try:
        root = parse(content.strip(b"\0\t\r\n "))
    except XmlError:
        text = content.decode("utf-8", "replace")
        budget.add_segments(place, markup.html_segments(text), file)
        return
    text, inner, _ = markup.xml_text(root)
    budget.add(place, text, inner, file)


def _page(content: bytes, fonts: Mapping[str, Font], place: str, budget: Budget, file: str) -> None:
    if len(content) > MOST_PAGE:
        budget.unreadable(place)
        return
    page = Page(content, fonts)
    if not page.readable:
        budget.unreadable(place)
    budget.add(place, page.text, file=file)
