"""The objects of any PDF, found by looking for them: those that a reader no longer shows too.

A file's own table tells only what is in force. Words that an earlier version of it held still
leave with it, so all bytes are looked at: every stream, and every text between the streams.

Source  ISO 32000-1, sections 7.3, 7.4 (filters), 7.5.7 (object streams), 7.5.6 (updates).
"""

import base64
import binascii
import re
import zlib
from bisect import bisect_right
from typing import Final

from engine.verify.pdf_syntax import MOST_OBJECTS, File, PdfError, Stream

MOST_STREAM: Final = 24 * 1024 * 1024  # unpacked, one stream
MOST_STREAMS: Final = 20_000
PICTURES: Final = frozenset(
    {"DCTDecode", "DCT", "JPXDecode", "CCITTFaxDecode", "CCF", "JBIG2Decode"}
)
_HEAD: Final = re.compile(
    rb"(?<![0-9])([0-9]{1,10})[\0\t\n\f\r ]{1,8}[0-9]{1,5}[\0\t\n\f\r ]{1,8}\Z"
)
_AFTER: Final = re.compile(rb"\r?\n|\r")
_BLANK: Final = re.compile(rb"[\r\n\t ]{0,4}")
_END: Final = re.compile(rb"[\r\n\t ]{0,4}endstream")


class Found(File):
    """A file whose objects were found by their own heads; the last of a number is in force."""

    __slots__ = ("_heads", "regions", "streams")

    def _read_tables(self) -> None:
        self._heads: list[tuple[int, int]] = []  # where, number
        self.streams: list[tuple[int, Stream]] = []
        self.regions: list[tuple[int, int]] = []  # bytes of no stream
        data, edge = self.data, 0
        while True:
            word = data.find(b"stream", edge)
            while word >= 0 and data[word + 6 : word + 7] not in (b"\r", b"\n"):
                word = data.find(b"stream", word + 6)
            end = word if word >= 0 else len(data)
            self.regions.append((edge, end))
            inside = self._note_heads(edge, end)
            if word < 0:
                return
            if len(self.streams) >= MOST_STREAMS or inside < 0:
                raise PdfError("pdf-stream", "a stream without an object, or too many")
            number, stream = self._heads[-1][1], self._stream(inside, word + 6)
            self.streams.append((number, stream))
            self._parsed[number] = stream
            edge = stream.start + stream.length
            if data.startswith(b"endstream", after := edge + len(_blank(data, edge))):
                edge = after + len(b"endstream")

    def _note_heads(self, start: int, end: int) -> int:
        """Keep the heads of objects in a region; give where the last one ends, -1 without any."""
        inside, at = -1, self.data.find(b"obj", start, end)
        while at >= 0:
            ends = self.data[at - 1] in b"d"  # of "endobj"
            head = None if ends else _HEAD.search(self.data, max(start, at - 30), at)
            if head is not None:
                if len(self._heads) >= MOST_OBJECTS:
                    raise PdfError("pdf-size", f"more than {MOST_OBJECTS} objects")
                number, inside = int(head[1]), at + 3
                self._heads.append((head.start(), number))
                self.offsets[number] = head.start()
                self._parsed.pop(number, None)
            at = self.data.find(b"obj", at + 3, end)
        return inside

    def _stream(self, inside: int, word_end: int) -> Stream:
        """A stream ends where its length says, or else where ``endstream`` stands."""
        value, _ = self.parse(inside)
        if not isinstance(value, dict):
            raise PdfError("pdf-stream", "a stream without a dictionary")
        after = _AFTER.match(self.data, word_end)
        start = after.end() if after else word_end
        length = value.get("Length")
        if isinstance(length, int) and length >= 0 and _END.match(self.data, start + length):
            return Stream(value, start, length)
        end = self.data.find(b"endstream", start)
        if end < 0:
            raise PdfError("pdf-stream", "a stream never ends")
        return Stream(value, start, end - start)

    def number_at(self, offset: int) -> int:
        """The number of the object that a byte lies in; 0: before all of them."""
        at = bisect_right(self._heads, (offset, 1 << 60))
        return self._heads[at - 1][1] if at else 0

    def open_object_streams(self) -> list[bytes]:
        """Have the objects inside object streams known; gives the streams' bytes. Raises
        PdfError."""
        contents = []
        for _, stream in self.streams:
            if stream.dictionary.get("Type") != "ObjStm":
                continue
            content, first = unpacked(self, stream), self.value(stream.dictionary.get("First"))
            if content is None or not isinstance(first, int):
                raise PdfError("pdf-object-stream", "an object stream cannot be read")
            contents.append(content)
            numbers = re.findall(rb"[0-9]{1,10}", content[:first])[: 2 * MOST_OBJECTS]
            within = _Within(content)
            for number, offset in zip(numbers[::2], numbers[1::2], strict=False):
                if int(number) not in self.offsets:
                    self._parsed[int(number)] = within.parse(first + int(offset))[0]
        return contents


def _blank(data: bytes, at: int) -> bytes:
    found = _BLANK.match(data, at)
    return found[0] if found else b""


class _Within(File):
    """The content of an object stream: objects without heads."""

    __slots__ = ()

    def _read_tables(self) -> None:
        pass


def filters_of(file: File, stream: Stream) -> list[str]:
    """The names of a stream's filters, in order."""
    held = file.value(stream.dictionary.get("Filter"))
    named = held if isinstance(held, list) else [] if held is None else [held]
    return [str(file.value(one)) for one in named]


def unpacked(file: File, stream: Stream) -> bytes | None:
    """The bytes of a stream with every filter undone; None: one of them is not known here, or
    the content is larger than any page's."""
    data = file.data[stream.start : stream.start + stream.length]
    for name in filters_of(file, stream):
        try:
            match name:
                case "FlateDecode" | "Fl":
                    inflater = zlib.decompressobj()
                    data = inflater.decompress(data, MOST_STREAM)
                    if inflater.unconsumed_tail:
                        return None
                case "ASCIIHexDecode" | "AHx":
                    digits = re.sub(rb"[^0-9A-Fa-f]", b"", data.partition(b">")[0])
                    data = binascii.unhexlify(digits + b"0" * (len(digits) % 2))
                case "ASCII85Decode" | "A85":
                    text = re.sub(rb"\s", b"", data).removeprefix(b"<~")
                    data = base64.a85decode(text.partition(b"~>")[0])
                case _:
                    return None
        except (zlib.error, binascii.Error, ValueError):
            return None
    return data
