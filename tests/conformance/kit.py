"""The national validation kit, run over documents: XSD by lxml, schematrons by Saxon.

The kit is a checked-out copy of ansforge/TestContenuCDA-3-0 (Windows). What it lacks elsewhere is
mended in a working copy, and nothing of it is kept:

- names of files are resolved without regard to case;
- structurationMinimale opens a file of document types that is missing: it is made from the kit's
  own value set (JDV_J07);
- value sets are opened by paths relative to the main schematron, so that a compiled one is
  written beside its source.
"""

import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from lxml import etree

LDL_SES: Final = "schematrons/CI-SIS_LDL-SES_2022.01.sch"
SCHEMATRONS: Final = {
    "structurationMinimale": (
        "schematrons/profils/structurationMinimale/ASIP-STRUCT-MIN-StrucMin.sch"
    ),
    "IHE": "schematrons/profils/IHE.sch",
    "ModelesDeContenusCDA": "schematrons/profils/CI-SIS_ModelesDeContenusCDA.sch",
    "Modeles_ANS": "schematrons/profils/CI-SIS_Modeles_ANS.sch",
    "terminologies": "schematrons/profils/terminologies/schematron/terminologie.sch",
    "LDL-SES": LDL_SES,
}
XSD: Final = "infrastructure/cda/CDA_extended.xsd"
# Every document has a header and codes; rules that none of them meets were not compiled right.
_ALWAYS: Final = frozenset({"structurationMinimale", "terminologies"})
# The stages of ISO Schematron, as the kit carries them: includes, abstract patterns, XSLT.
STAGES: Final = ("iso_dsdl_include.xsl", "iso_abstract_expand.xsl", "iso_svrl_for_xslt2.xsl")
_SVRL: Final = "{http://purl.oclc.org/dsdl/svrl}"
_V3: Final = "{urn:hl7-org:v3}"
_BIG: Final = 5 * 1024 * 1024  # engines and whole terminologies in RDF lie below, rules do not


class KitError(Exception):
    """The folder is no kit, or it cannot be compiled."""


@dataclass(frozen=True)
class Fault:
    """One failed assertion."""

    rules: str
    place: str
    words: str


class Kit:
    """A working copy of the kit, its rules compiled."""

    def __init__(self, source: Path, work: Path, processor: Any) -> None:
        for name in (XSD, *SCHEMATRONS.values(), f"schematrons/moteur/{STAGES[0]}"):
            if not (source / name).is_file():
                raise KitError(f"{source} has no {name}: it is no checked-out kit")
        for folder in ("infrastructure", "jeuxDeValeurs", "schematrons"):
            shutil.copytree(
                source / folder, work / folder, ignore=_engines, copy_function=shutil.copyfile
            )
        self._root = work
        _mend_names(work / "schematrons")
        _mend_types(work)
        self._schema = etree.XMLSchema(etree.parse(work / XSD))
        self._processor = processor
        self._rules = {name: self._compile(work / path) for name, path in SCHEMATRONS.items()}

    def faults(self, document: Path) -> list[Fault]:
        """Every assertion that fails, by every set of rules that the document's level calls for."""
        parsed = etree.parse(document)
        found = []
        if not self._schema.validate(parsed):
            found = [Fault("XSD", f"line {e.line}", e.message) for e in self._schema.error_log]
        level_3 = parsed.find(f"{_V3}component/{_V3}structuredBody") is not None
        for name, rules in self._rules.items():
            if name == "LDL-SES" and not level_3:
                continue
            report = etree.fromstring(rules.transform_to_string(source_file=str(document)).encode())
            if report.find(f"{_SVRL}fired-rule") is None and name in _ALWAYS:
                raise KitError(f"{name}: no rule was applied to {document.name}")
            found.extend(_failed(name, report))
        return found

    def _compile(self, schematron: Path) -> Any:
        xslt = self._processor.new_xslt30_processor()
        current = schematron
        for number, stage in enumerate(STAGES):
            program = xslt.compile_stylesheet(
                stylesheet_file=str(self._root / "schematrons/moteur" / stage)
            )
            if stage == STAGES[-1]:
                phase = etree.parse(schematron).getroot().get("defaultPhase")
                for name, value in (
                    ("phase", phase or "#ALL"), ("allow-foreign", "true"),
                    ("full-path-notation", "2"),
                ):  # fmt: skip
                    program.set_parameter(name, self._processor.make_string_value(value))
            made = schematron.with_name(f"{schematron.stem}.{number}.xsl")
            program.transform_to_file(source_file=str(current), output_file=str(made))
            current = made
        return xslt.compile_stylesheet(stylesheet_file=str(current))


def _failed(name: str, report: etree._Element) -> Iterator[Fault]:
    # A report that fires is a warning about an element beyond the model: none is wanted in ours.
    for tag in ("failed-assert", "successful-report"):
        for one in report.iter(_SVRL + tag):
            words = " ".join("".join(str(text) for text in one.itertext()).split())
            yield Fault(name, (one.get("location") or "")[-160:], words)


def _engines(folder: str, names: list[str]) -> set[str]:
    # Whole terminologies stay, however large: the rules look codes up in them.
    return {
        name
        for name in names
        if name.endswith((".jar", ".zip", ".bat", ".pdf"))
        or (
            (path := Path(folder, name)).is_file()
            and path.stat().st_size > _BIG
            and path.suffix not in {".rdf", ".xml"}
        )
    }


def _mend_names(folder: Path) -> None:
    """Give every file that is included the name by which it is included."""
    for path in list(folder.rglob("*.sch")):
        for href in re.findall(rb'<(?:\w+:)?include\s[^>]*href="([^"]+)"', path.read_bytes()):
            wanted = path.parent / href.decode().partition("#")[0]
            if wanted.exists() or not wanted.parent.is_dir():
                continue
            for other in wanted.parent.iterdir():
                if other.name.lower() == wanted.name.lower():
                    shutil.copyfile(other, wanted)
                    break


def _mend_types(work: Path) -> None:
    """Make the list of document types that structurationMinimale opens."""
    wanted = (
        work / "schematrons/profils/structurationMinimale/include"
        / "voc-1.2.250.1.213.1.1.5.471-DYNAMIC.xml"
    )  # fmt: skip
    if wanted.exists():
        return
    concepts = etree.Element("concepts")
    for one in etree.parse(work / "jeuxDeValeurs/JDV_J07_XdsTypeCode_CISIS.xml").iter("{*}Concept"):
        etree.SubElement(concepts, "concept", dict(one.attrib))
    root = etree.Element("valueSets")
    holder = etree.SubElement(root, "valueSet", id="1.2.250.1.213.1.1.5.471")
    concepts.tag = "conceptList"
    holder.append(concepts)
    etree.ElementTree(root).write(wanted, encoding="UTF-8", xml_declaration=True)
