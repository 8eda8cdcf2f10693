"""``make conformance KIT=<folder>``: the national kit over every CDA that this program makes.

One line a document, with the number of failed assertions; each of them below. Status 1 if any.
"""

import argparse
import sys
import tempfile
from pathlib import Path

from tests.conformance.documents import write_all
from tests.conformance.kit import Kit, KitError


def main() -> int:
    """Run the kit."""
    parser = argparse.ArgumentParser(prog="python -m tests.conformance", description=__doc__)
    parser.add_argument("--kit", type=Path, required=True, help="checked-out copy of the kit")
    parser.add_argument("--keep", type=Path, help="folder in which to keep the documents")
    parser.add_argument("files", nargs="*", type=Path, help="CDA files; default: all that we make")
    asked = parser.parse_args()
    try:
        from saxonche import PySaxonProcessor
    except ImportError:
        print("saxonche is missing; install the optional group `conformance`", file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory() as folder, PySaxonProcessor(license=False) as processor:
        work = Path(folder)
        (work / "documents").mkdir()
        documents = asked.files or write_all(asked.keep or work / "documents")
        try:
            kit = Kit(asked.kit.resolve(), work / "kit", processor)
            failed = sum(_print(kit, one.resolve()) for one in documents)
        except KitError as error:
            print(error, file=sys.stderr)
            return 2
    print(f"{len(documents)} documents, {failed} failed assertions")
    return 1 if failed else 0


def _print(kit: Kit, document: Path) -> int:
    faults = kit.faults(document)
    print(f"{len(faults):5}  {document.name}")
    for one in faults:
        print(f"       {one.rules}: {one.words}\n         at {one.place}")
    return len(faults)


if __name__ == "__main__":
    sys.exit(main())
