"""Pages as pictures: drawn by an independent reader, compared as an eye would, roughly."""

import struct
import subprocess
import zlib
from itertools import pairwise

TILE = 16  # pixels


def drawn(pdf: bytes, dpi: int) -> list[bytes]:
    """Each page of a PDF as PNG (RGB), drawn by poppler's pdftoppm."""
    done = subprocess.run(
        ["pdftoppm", "-png", "-r", str(dpi), "-"], input=pdf, capture_output=True, check=True
    ).stdout
    starts = [at for at in range(len(done)) if done.startswith(b"\x89PNG\r\n\x1a\n", at)]
    return [done[a:b] for a, b in pairwise([*starts, len(done)])]


def tiles(png: bytes) -> list[list[float]]:
    """The mean brightness of each tile of 16 by 16 pixels, row by row."""
    width, height, lines = _pixels(png)
    return [
        [
            sum(sum(line[3 * x : 3 * (x + TILE)]) for line in lines[y : y + TILE])
            / (3 * TILE * TILE)
            for x in range(0, width - TILE + 1, TILE)
        ]
        for y in range(0, height - TILE + 1, TILE)
    ]


def _pixels(png: bytes) -> tuple[int, int, list[bytearray]]:
    """Decode an 8-bit RGB PNG without interlace (PNG third edition, section 9.2)."""
    at, packed, width, height = 8, b"", 0, 0
    while at < len(png):
        (size,) = struct.unpack_from(">I", png, at)
        kind, content = png[at + 4 : at + 8], png[at + 8 : at + 8 + size]
        if kind == b"IHDR":
            width, height, *rest = struct.unpack(">IIBBBBB", content)
            assert rest == [8, 2, 0, 0, 0]
        elif kind == b"IDAT":
            packed += content
        at += 12 + size
    raw, step = zlib.decompress(packed), 3 * width
    before, lines = bytearray(step), []
    for y in range(height):
        start = y * (step + 1)
        line = bytearray(raw[start + 1 : start + 1 + step])
        _unfilter(raw[start], line, before)
        lines.append(line)
        before = line
    return width, height, lines


def _unfilter(kind: int, line: bytearray, above: bytearray) -> None:
    for i in range(len(line)):
        left = line[i - 3] if i > 2 else 0
        corner = above[i - 3] if i > 2 else 0
        match kind:
            case 1:
                line[i] = (line[i] + left) & 255
            case 2:
                line[i] = (line[i] + above[i]) & 255
            case 3:
                line[i] = (line[i] + (left + above[i]) // 2) & 255
            case 4:
                guess = left + above[i] - corner
                near = min((left, above[i], corner), key=lambda one: abs(guess - one))
                line[i] = (line[i] + near) & 255
