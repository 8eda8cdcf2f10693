"""The words of a PDF: pages, titles, properties, notes, bookmarks, form fields, embedded files.

Pictures are not read: a word in a bitmap, or drawn as lines, is not seen. Text whose font does not
say what its codes mean is told as unreadable.

Source  ISO 32000-1, 7.9.2 (text strings), 9.4.3 (showing text), 14.3 (metadata).
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from engine.privacy import markup
from engine.privacy.pdf_fonts import Font, font_of
from engine.privacy.pdf_objects import PICTURES, Found, filters_of, unpacked
from engine.privacy.pieces import Budget
from engine.verify.pdf_syntax import Name, PdfError, Ref, Stream
from engine.verify.xml import XmlError, parse

MOST_PAGE: Final = 8 * 1024 * 1024  # bytes of one page's content
_PARENS: Final = rb"\((?:[^()\\]|\\.|\((?:[^()\\]|\\.)*\))*\)"
_HEX: Final = rb"<[0-9A-Fa-f\s]*>"
_BETWEEN: Final = re.compile(
    rb"(" + _PARENS + rb"|<(?!<)[0-9A-Fa-f\s]{4,}>)|%([^\r\n]{4,})|/([^\0-\x20()<>\[\]{}/%]{5,})",
    re.DOTALL,
)
# ISO 32000-1, 14.4: two strings of 16 bytes, or the 24 letters of their Base64.
_FILE_ID: Final = re.compile(
    rb"/ID\s*\[\s*(?:\([A-Za-z0-9+/]{22}==\)\s*|<[0-9A-Fa-f]{32}>\s*){2}\]"
)
# The same in XMP (part 2, 2.2: Media Management).
_XMP_ID: Final = re.compile(
    rb"<xmpMM:(InstanceID|DocumentID|OriginalDocumentID)>"
    rb"(?:uuid:)?(?:[A-Za-z0-9+/]{22}==|[0-9A-Fa-f-]{32,36})</xmpMM:\1>"
)
_SHOWING: Final = re.compile(
    rb"(?=[/\s\[(<T'\"])(?:"
    rb"/(?P<font>[^\0-\x20()<>\[\]{}/%]+)\s+[-+.0-9]+\s+Tf\b"
    rb"|\s(?P<move>[-+.0-9]+)(?=\s+(?:Tm|cm|T[dD])\b)"
    rb"|(?P<next>T\*|(?<=[\s)>])['\"](?=\s))"
    rb"|(?P<row>\[(?:[^\[\]()\\<>]|" + _PARENS + rb"|" + _HEX + rb")*\](?=\s*TJ))"
    rb"|(?P<one>" + _PARENS + rb"|<(?!<)[0-9A-Fa-f\s]*>(?=\s*(?:Tj|['\"])))"
    rb"|(?P<open>\())",
    re.DOTALL,
)
_IN_ROW: Final = re.compile(rb"(" + _PARENS + rb"|" + _HEX + rb")|(-?[0-9.]+)", re.DOTALL)
_ESCAPE: Final = re.compile(rb"\\([0-7]{1,3}|\r\n?|.)", re.DOTALL)


class _Escapes(dict[bytes, bytes]):
    """What stands behind a backslash, to what it means; most signs mean themselves."""

    def __missing__(self, sign: bytes) -> bytes:
        return sign


_UNESCAPED: Final = _Escapes(
    {b"n": b"\n", b"r": b"\r", b"t": b"\t", b"b": b"\b", b"f": b"\f"}
    | dict.fromkeys((b"\n", b"\r", b"\r\n"), b"")
    | {
        f"{code:0{width}o}".encode(): bytes([code & 255])
        for width in (1, 2, 3)
        for code in range(8**width)
    }
)
_GAP: Final = 180  # thousandths of the font's size that a reader takes for a blank
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
        for one in _BETWEEN.finditer(found.data, start, end):
            if any(a <= one.start() < b for a, b in numbers):
                continue
            if one[3] is not None:
                names.add(one[3])
            else:
                segments.append(text_string(one[1]) if one[1] else one[2].decode("latin-1"))
                offsets.append(one.start())
    segments.append(_names(names))
    offsets.append(-1)

    def inner(segment: int) -> str:
        at = offsets[min(segment, len(offsets) - 1)]
        return "names" if at < 0 else f"object {found.number_at(at)}"

    joined = "\x1d".join(one.replace("\x1d", " ") for one in segments)
    budget.add(f"{place} > PDF", joined, inner, file)


def _strings(content: bytes, told: str) -> list[tuple[str, str]]:
    rows = [(told, text_string(one[1])) for one in _BETWEEN.finditer(content) if one[1] is not None]
    names = {one[3] for one in _BETWEEN.finditer(content) if one[3] is not None}
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
    out: list[str] = []
    font: Font | None = None
    last = b""
    dumb = False
    for found in _SHOWING.finditer(content):
        match found.lastgroup:
            case "font":
                font = fonts.get(Name(found["font"].decode("latin-1")))
            case "move":
                at = found["move"]
                out.append(" " if at == last or at in (b"0", b"0.0") else "\n")
                last = last if at in (b"0", b"0.0") else at
            case "next":
                out.append("\n")
            case "row":
                for told, gap in _IN_ROW.findall(found["row"]):
                    if gap:
                        out.append(" " if _wide(gap) else "")
                        continue
                    dumb |= font is not None and not font.readable
                    out.append(_shown(told, font))
            case "one":
                dumb |= font is not None and not font.readable
                text = found["one"]
                # A string in the marks round a text (ActualText) is in no font.
                shown = content[found.end() : found.end() + 8].lstrip()[:2]
                if shown in (b"Tj", b"' ", b"'\n", b"'\r", b'" '):
                    out.append(_shown(text, font))
                else:
                    out.append(f" {text_string(text)} ")
            case "open":
                budget.unreadable(place)
                break
            case _:
                pass
    if dumb:
        budget.unreadable(place)
    budget.add(place, "".join(out), file=file)


def _wide(gap: bytes) -> bool:
    try:
        return float(gap) < -_GAP
    except ValueError:
        return False


def _shown(told: bytes, font: Font | None) -> str:
    codes = _raw(told)
    return codes.decode("cp1252", "replace") if font is None else font.text(codes)


def _raw(told: bytes) -> bytes:
    if told.startswith(b"<"):
        digits = re.sub(rb"[^0-9A-Fa-f]", b"", told)
        return bytes.fromhex((digits + b"0" * (len(digits) % 2)).decode("ascii"))
    parts = _ESCAPE.split(told[1:-1])
    if len(parts) > 1:
        parts[1::2] = map(_UNESCAPED.__getitem__, parts[1::2])
    return b"".join(parts)


def text_string(told: bytes) -> str:
    """A text of a dictionary: UTF-16 or UTF-8 by their marks, else Latin-1 near enough."""
    raw = _raw(told)
    if raw.startswith(b"\xfe\xff"):
        return raw[2:].decode("utf-16-be", "replace")
    if raw.startswith(b"\xff\xfe"):
        return raw[2:].decode("utf-16-le", "replace")
    if raw.startswith(b"\xef\xbb\xbf"):
        return raw[3:].decode("utf-8", "replace")
    return raw.decode("latin-1")
