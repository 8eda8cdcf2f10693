"""How long a letter may be: what is printed and judged in about a second, and still read.

A tag of a PDF/A-1 has 8191 kids at most (ISO 19005-1, 6.1.12), and the engine refuses more; a few
hundred kilobytes of short rows would keep it busy for a minute.
"""

from typing import Final

from engine.compose.faults import LengthError
from engine.compose.outline import Table, blocks_of, cells
from engine.model.letter import Letter

MOST_CHARACTERS: Final = 300_000
MOST_LINES: Final = 3_000  # some sixty pages
ROW: Final = 3  # what a row of a table costs, in lines of text


def check_length(letter: Letter) -> None:
    """Raises LengthError for a summary of more characters or lines than a letter has."""
    characters = lines = 0
    for contribution in letter.summary.contributions:
        for block in blocks_of(contribution.items):
            texts = [leaf.text for leaf in cells(block)]
            characters += sum(map(len, texts))
            if isinstance(block, Table):
                lines += ROW * len(block.rows)
            else:
                lines += sum(text.count("\n") + 1 for text in texts)
    if characters > MOST_CHARACTERS or lines > MOST_LINES:
        raise LengthError(letter)
