"""The words of a letter: Jinja2 templates filled in from a Letter. No markup, no format."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import tzinfo
from typing import Any, Final

import jinja2
import jinja2.meta
from jinja2.sandbox import ImmutableSandboxedEnvironment

from engine.compose.changes import changes_of
from engine.compose.faults import DateError, TemplateError, VersionError
from engine.compose.identity import birth_date, shown_name
from engine.compose.outline import parts
from engine.compose.text import french_date, typographic
from engine.model.errors import ConfigError
from engine.model.letter import Letter, LetterKind
from engine.model.people import Role
from engine.model.value import Value

BLOCKS: Final = ("object", "replaces", "greeting", "opening", "closing")
_KNOWN: Final = frozenset(
    {
        "arrived", "awaited", "dear", "discreet", "e", "issued", "left", "noun", "patient",
        "regards", "replaces", "sections", "unit", "version", "whose", "you",
    }
)  # fmt: skip

# How the reader is spoken to. Of others than the médecin traitant nobody knows if they are doctors.
_TO_THE_DOCTOR: Final = {
    "dear": "Chère consœur, cher confrère", "you": "chère consœur, cher confrère",
    "regards": "nos salutations confraternelles", "whose": "votre",
}  # fmt: skip
_TO_OTHERS: Final = {
    "dear": "Madame, Monsieur", "you": "Madame, Monsieur",
    "regards": "nos salutations distinguées", "whose": "notre",
}  # fmt: skip


class TypeOfDocument(Value):
    """``[type]`` of letter.toml: ClinicalDocument/code (JDV_J07) and the class that follows it."""

    code: str
    display: str
    system: str
    system_name: str
    class_code: str


class LetterSheet(Value):
    """letter.toml: what a kind of letter is called, and which document type it is."""

    title: str
    noun: str
    type: TypeOfDocument


@dataclass(frozen=True, slots=True)
class Pattern:
    """One kind of letter, ready to be filled in."""

    sheet: LetterSheet
    body: jinja2.Template
    mail: jinja2.Template


@dataclass(frozen=True, slots=True)
class LetterText:
    """The words around the summary. Paragraphs are parted by blank lines; "- " begins an item."""

    title: str
    object: str
    replaces: str | None
    changes: tuple[str, ...]  # what the version before did not say, one sentence each
    greeting: str
    opening: str
    closing: str
    mail: str


def read_pattern(sheet: LetterSheet, body: str, mail: str, *, where: str) -> Pattern:
    """Compile the templates of one kind; ConfigError for a fault that can be seen beforehand."""
    room = ImmutableSandboxedEnvironment(
        undefined=jinja2.StrictUndefined,
        autoescape=False,
        trim_blocks=True,
        keep_trailing_newline=True,
    )
    compiled: list[jinja2.Template] = []
    for name, source in (("letter.txt.j2", body), ("mail.txt.j2", mail)):
        try:
            unknown = jinja2.meta.find_undeclared_variables(room.parse(source)) - _KNOWN
            compiled.append(room.from_string(typographic(source)))
        except jinja2.TemplateSyntaxError as error:
            raise ConfigError(
                where=f"{where}/{name}, line {error.lineno}",
                effect="no letter of this kind can be made",
                remedy="correct the template",
                what=f"The template cannot be read: {error.message}.",
            ) from None
        if unknown:
            raise ConfigError(
                where=f"{where}/{name}",
                effect="no letter of this kind can be made",
                remedy=f"known fields: {', '.join(sorted(_KNOWN))}",
                what=f"The template uses unknown fields: {', '.join(sorted(unknown))}.",
            )
    missing = [name for name in BLOCKS if name not in compiled[0].blocks]
    if missing:
        raise ConfigError(
            where=f"{where}/letter.txt.j2",
            effect="no letter of this kind can be made",
            remedy="write each of them as {% block name %}…{% endblock %}",
            what=f"The template lacks blocks: {', '.join(missing)}.",
        )
    return Pattern(sheet, compiled[0], compiled[1])


def write(letter: Letter, pattern: Pattern, zone: tzinfo) -> LetterText:
    """Fill in the templates of the letter's kind.

    Raises DateError, VersionError, IdentityError, or TemplateError for a field that is not there.
    """
    _check_versions(letter)
    _check_dates(letter)
    field = _fields(letter, pattern.sheet, zone)
    replaces = _block(letter, pattern, "replaces", field) if letter.replaces else None
    return LetterText(
        title=pattern.sheet.title,
        object=_block(letter, pattern, "object", field),
        replaces=replaces,
        changes=changes_of(letter),
        greeting=_block(letter, pattern, "greeting", field),
        opening=_block(letter, pattern, "opening", field),
        closing=_block(letter, pattern, "closing", field),
        mail=_fill(letter, lambda: pattern.mail.render(field)) + "\n",
    )


def contacts(letter: Letter) -> tuple[tuple[str, str], ...]:
    """How to reach the unit: (label, value), only what the unit has."""
    unit = letter.unit
    lines = [("Messagerie sécurisée", unit.secure_address)]
    if unit.phone_dss:
        lines.append(("Téléphone, soins somatiques", unit.phone_dss))
    if unit.phone_dsp:
        lines.append(("Téléphone, soins psychiatriques", unit.phone_dsp))
    return tuple(lines)


def _fields(letter: Letter, sheet: LetterSheet, zone: tzinfo) -> Mapping[str, Any]:
    def day(at: Any) -> str | None:
        return french_date(at.astimezone(zone).date()) if at else None

    replaced = letter.replaces
    return {
        **(_TO_THE_DOCTOR if letter.recipient.role is Role.GP else _TO_OTHERS),
        "arrived": day(letter.arrived_at),
        "awaited": bool(letter.withheld),
        "discreet": letter.discreet,
        "e": {"F": "e", "M": ""}.get(letter.patient.sex, "(e)"),
        "issued": day(letter.issued_at),
        "left": day(letter.left_at),
        "noun": sheet.noun,
        "patient": {"name": shown_name(letter.patient), "born": birth_date(letter).phrase},
        "replaces": replaced and {"version": replaced.version, "date": day(replaced.issued_at)},
        "sections": bool(parts(letter.summary, zone)),
        "unit": {
            "name": letter.unit.unit,
            "hospital": letter.unit.hospital,
            "signature": letter.unit.signature,
            "secure_address": letter.unit.secure_address,
            "contacts": [{"label": k, "value": v} for k, v in contacts(letter)],
        },
        "version": letter.version,
    }


def _block(letter: Letter, pattern: Pattern, name: str, field: Mapping[str, Any]) -> str:
    body = pattern.body
    text = _fill(letter, lambda: "".join(body.blocks[name](body.new_context(dict(field)))))
    return re.sub(r"\n{3,}", "\n\n", text)


def _fill(letter: Letter, render: Any) -> str:
    try:
        return str(render()).strip("\n ")
    except (jinja2.TemplateError, TypeError, ValueError, ArithmeticError, LookupError):
        # The cause is not chained: its text could quote a value.
        raise TemplateError(
            letter,
            remedy=f"compare the templates in mappings/letters/{letter.kind.value} with the ones "
            "that are shipped: a field is unknown, or an expression fails",
        ) from None


def _check_versions(letter: Letter) -> None:
    old = letter.replaces
    if (letter.version == 1) != (old is None):
        raise VersionError(letter, remedy="report it: version and replaced version disagree")
    if old and (old.version >= letter.version or old.document_oid == letter.document_oid):
        raise VersionError(letter, remedy="report it: a letter would replace itself")


def _check_dates(letter: Letter) -> None:
    left = letter.left_at
    if letter.kind not in (LetterKind.EXIT_NOTICE, LetterKind.EXIT_LETTER):
        return
    if left is None or left < letter.arrived_at:
        raise DateError(letter, remedy="check the movements of the stay: no exit after the arrival")
    # A release date still to come is penal data: it goes to nobody.
    if left > letter.issued_at:
        raise DateError(letter, remedy="wait: the exit lies in the future of this letter")
