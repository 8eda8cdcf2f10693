"""``make conformance KIT=<folder>``: the national kit over every CDA that this program makes.

All of them: the golden ones, letters that try the edges, and what the demo day sends. One line a
document, with the number of failed assertions; each of them below. With EBRIM=<folder of lcm.xsd>,
METADATA.XML of every zip by the schema of OASIS too, its sizes and hashes by the files. FILES= are
judged instead: CDAs, zips, mails, or folders of them. Status 1 if anything fails.
"""

import argparse
import contextlib
import io
import sys
import tempfile
from pathlib import Path

from lxml import etree

from engine.demo.run import main as play_the_day
from tests.conformance.carried import Package, opened
from tests.conformance.documents import write_all
from tests.conformance.kit import Kit, KitError


class DayError(Exception):
    """The demo day did not come out as it must: its documents prove nothing."""


def main() -> int:
    """Run the kit."""
    parser = argparse.ArgumentParser(prog="python -m tests.conformance", description=__doc__)
    parser.add_argument("--kit", type=Path, required=True, help="checked-out copy of the kit")
    parser.add_argument("--ebrim", type=Path, help="folder with lcm.xsd and rim.xsd of ebRIM 3.0")
    parser.add_argument("--keep", type=Path, help="folder in which to keep the documents")
    parser.add_argument("files", nargs="*", type=Path, help="CDA, zip, eml or folders; all of ours")
    asked = parser.parse_args()
    try:
        from saxonche import PySaxonProcessor
    except ImportError:
        print("saxonche is missing; install the optional group `conformance`", file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory() as folder, PySaxonProcessor(license=False) as processor:
        work = Path(folder)
        try:
            documents, packages = opened(asked.files or _ours(work))
            kit = Kit(asked.kit.resolve(), work / "kit", processor)
            schema = None if asked.ebrim is None else _schema(asked.ebrim)
        except (KitError, DayError, OSError, ValueError, etree.XMLSyntaxError) as error:
            print(error, file=sys.stderr)
            return 2
        kept = asked.keep or work / "judged"
        kept.mkdir(parents=True, exist_ok=True)
        failed = sum(_document(kit, kept / name, one) for name, one in documents.items())
        wrong = 0 if schema is None else sum(_package(one, schema) for one in packages)
    print(f"{len(documents)} documents, {failed} failed assertions")
    if schema is not None:
        print(f"{len(packages)} zips, {wrong} faults of their METADATA.XML")
    return 1 if failed or wrong else 0


def _ours(work: Path) -> list[Path]:
    """Make everything that this program makes."""
    day, said = work / "day", io.StringIO()
    with contextlib.redirect_stdout(said):
        status = play_the_day(day)
    if status != 0:
        raise DayError(said.getvalue())
    return [*write_all(work / "documents"), day / "mails", day / "gateway"]


def _schema(folder: Path) -> etree.XMLSchema:
    try:
        return etree.XMLSchema(etree.parse(folder / "lcm.xsd"))
    except etree.XMLSchemaParseError as error:
        raise ValueError(f"{folder}: no usable lcm.xsd: {error}") from None


def _document(kit: Kit, path: Path, content: bytes) -> int:
    path.write_bytes(content)
    faults = kit.faults(path.resolve())
    print(f"{len(faults):5}  {path.name}", flush=True)
    for one in faults:
        print(f"       {one.rules}: {one.words}\n         at {one.place}")
    return len(faults)


def _package(package: Package, schema: etree.XMLSchema) -> int:
    faults = list(package.faults(schema))
    for one in faults:
        print(f"       {package.name}: {one}")
    return len(faults)


if __name__ == "__main__":
    sys.exit(main())
