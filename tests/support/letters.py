"""Invented letters. Nobody in them exists: test INS namespace, unassigned RPPS and FINESS."""

from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import typst

from engine.compose.mail import ChannelFace
from engine.compose.shop import Shop, load
from engine.model.fact import Half
from engine.model.letter import (
    CANCELLATIONS,
    HEADINGS,
    Annex,
    Letter,
    LetterKind,
    LetterPatient,
    Replaced,
    Signatory,
    UnitFace,
)
from engine.model.people import INS_NIR_TEST, Ins, Mailbox, MailboxType, Professional
from engine.model.summary import Contribution, ExitSummary, Items, Narrative, Said, Source

ROOT = Path(__file__).resolve().parents[2]
PARIS = ZoneInfo("Europe/Paris")

DOCTOR = Mailbox(
    rpps="10999999971",
    family="TÉMOIN",
    given="Paul",
    place="Cabinet médical, 1 rue Fictive, 00000 EXEMPLEVILLE",
    address="paul.temoin@cabinet-exemple.mssante.fr",
    type=MailboxType.PER,
    channel="mssante",
)
RESPONSIBLE = Signatory(
    rpps="10999999997",
    family="MODÈLE",
    given="Claire",
    specialty_code="G15_10/SM54",
    specialty="Médecin - Médecine Générale (SM)",
)
PSYCHIATRIST = Signatory(
    rpps="10999999989",
    family="EXEMPLE",
    given="Jean-Noël",
    specialty_code="G15_10/SM42",
    specialty="Médecin - Psychiatrie (SM)",
)
UNIT = UnitFace(
    hospital="CH EXEMPLE",
    finess="990000028",
    unit="Unité sanitaire d'Exempleville",
    address=("2 avenue de l'Invention", "00000 EXEMPLEVILLE"),
    city="Exempleville",
    phone_dss="03 00 00 00 01",
    phone_dsp="03 00 00 00 02",
    secure_address="usmp@ch-exemple.mssante.fr",
    responsible=RESPONSIBLE,
)
NEUTRAL = UnitFace(
    hospital="CH EXEMPLE",
    finess="990000028",
    unit="Consultations de médecine",
    address=("1 place de l'Hôpital", "00000 EXEMPLEVILLE"),
    city="Exempleville",
    name_dss="Soins somatiques",
    name_dsp="Soins psychiatriques",
    phone_dss="03 00 00 00 10",
    phone_dsp="03 00 00 00 11",
    secure_address="medecine@hopital-exemple.mssante.fr",
    signature="L'équipe médicale",
    responsible=RESPONSIBLE,
)
PATIENT = LetterPatient(
    ipp="26000123",
    ipp_oid="2.25.281474976710656900",
    ins=Ins(matricule="161029999900145", oid=INS_NIR_TEST),
    birth_family="ESSAI",
    birth_given="MARCEL",
    birth_given_all="MARCEL JEAN",
    birth_date="19610214",
    sex="M",
    birth_place_code="99999",
)
WOMAN = PATIENT.model_copy(
    update={
        "ipp": "26000777",
        "ins": None,
        "birth_family": "LEFÈVRE-GARÇON",
        "birth_given": "ZOÉ",
        "birth_given_all": "ZOÉ MARIE-LOU",
        "used_family": "D'ŒUVRE",
        "used_given": "ZOÉ",
        "birth_date": "19870901",
        "sex": "F",
        "birth_place_code": None,
    }
)


def contribution(
    half: Half, at: datetime, author: Signatory | None, items: Items | str
) -> Contribution:
    """What a document of the record said: items, or a plain text."""
    if isinstance(items, str):
        items = Items(narratives=(Narrative(text=items),))
    return Contribution(
        half=half,
        said=Said(
            source=Source.DOCUMENT,
            reference=f"DOC-{half}",
            at=at,
            author=author and Professional(**author.model_dump()),
            validated=True,
        ),
        items=items,
    )


SOMATIC = contribution(
    Half.DSS,
    datetime(2026, 11, 23, 15, 0, tzinfo=UTC),
    RESPONSIBLE,
    "Motif et synthèse : diabète de type 2 équilibré (HbA1c 6,8 % en octobre 2026), "
    "hypertension artérielle traitée.\n\n"
    "Traitement à la sortie :\n"
    "- METFORMINE 1000 mg, 1 comprimé matin et soir, poursuivi ;\n"
    "- AMLODIPINE 5 mg, 1 comprimé le matin, introduit en septembre 2026 ;\n"
    "- MÉTHADONE 40 mg par jour, dernière prise le 24 novembre 2026 à 9 h, ordonnance de "
    "7 jours, relais : pharmacie de la Place.\n\n"
    "Dépistages proposés et faits : VIH, VHB et VHC négatifs, résultats remis. Vaccination "
    "antigrippale faite. Kit de naloxone remis.\n\n"
    "À faire : fond d'œil (rendez-vous le 4 décembre 2026, 10 h 30), créatininémie à 1 mois.",
)
PSYCHIATRIC = contribution(
    Half.DSP,
    datetime(2026, 11, 24, 8, 0, tzinfo=UTC),
    PSYCHIATRIST,
    "Suivi mensuel pour un trouble anxieux, stable.\n\n"
    "Relais : CMP d'Exempleville, premier rendez-vous le 1er décembre 2026 à 14 h.",
)


def summary(*contributions: Contribution) -> ExitSummary:
    """What a letter says, out of what was said."""
    return ExitSummary(contributions=contributions)


FACE = ChannelFace(
    format="xdm",
    sender="usmp-auto@ch-exemple.mssante.fr",
    sender_name="CH Exemple - Unité sanitaire",
    nil="DEV000000",
    address=DOCTOR.address,
    message_id="<01j9zk4m7q.1@ch-exemple.mssante.fr>",
    max_size=10 * 1024 * 1024,
)
NEUTRAL_FACE = FACE.model_copy(
    update={
        "sender": "courrier@hopital-exemple.mssante.fr",
        "sender_name": "CH Exemple",
        "message_id": "<01j9zk4m7q.1@hopital-exemple.mssante.fr>",
    }
)
NEUTRAL_HPRIM_FACE = NEUTRAL_FACE.model_copy(update={"format": "hprim"})
HPRIM_FACE = FACE.model_copy(update={"format": "hprim"})


@cache
def shop() -> Shop:
    """The shipped templates, fonts and tables, loaded once."""
    return load(ROOT / "mappings", zone=PARIS, source_oid="2.25.281474976710656800")


def letter(kind: LetterKind = LetterKind.ARRIVAL_NOTICE, **changes: Any) -> Letter:
    """A whole letter of that kind, with any field changed."""
    fields: dict[str, Any] = {
        "kind": kind,
        "delivery": "01j9zk4m7qabcdefghjkmnpqrs",
        "document_oid": "2.25.281474976710656001",
        "set_oid": "2.25.281474976710656000",
        "version": 1,
        "issued_at": datetime(2026, 11, 24, 13, 30, 5, tzinfo=UTC),
        "patient": PATIENT,
        "recipient": DOCTOR,
        "unit": UNIT,
        "visit": "26V000456",
        "visit_oid": "2.25.281474976710656901",
        "arrived_at": datetime(2026, 9, 1, 8, 15, tzinfo=UTC),
    }
    if kind in (LetterKind.EXIT_NOTICE, LetterKind.EXIT_LETTER):
        fields["left_at"] = datetime(2026, 11, 24, 10, 0, tzinfo=UTC)
    if kind in CANCELLATIONS:
        fields["version"] = 2
        fields["replaces"] = Replaced(
            document_oid="2.25.281474976710655999",
            version=1,
            message_id="<01j9zk4m7p.0@ch-exemple.mssante.fr>",
            issued_at=datetime(2026, 11, 20, 9, 0, tzinfo=UTC),
        )
    if kind is LetterKind.EXIT_LETTER:
        fields["summary"] = summary(SOMATIC)
    return Letter(**(fields | changes))


def discreet(of: Letter) -> Letter:
    """The same letter where the detention must not be told."""
    return of.model_copy(update={"unit": NEUTRAL, "discreet": True})


def second(kind: LetterKind = LetterKind.EXIT_LETTER, **changes: Any) -> Letter:
    """Version 2 of a letter, which replaces the version 1 that ``letter`` gives."""
    first = letter(kind)
    return letter(
        kind,
        **{
            "delivery": "01j9zk4m7qabcdefghjkmnpqrt",
            "document_oid": "2.25.281474976710656002",
            "version": 2,
            "replaces": Replaced(
                document_oid=first.document_oid,
                version=1,
                message_id="<01j9zk4m7p.0@ch-exemple.mssante.fr>",
                issued_at=first.issued_at,
                halves=(Half.DSS,),
                summary=first.summary,
            ),
            "issued_at": datetime(2026, 11, 26, 9, 0, tzinfo=UTC),
            **changes,
        },
    )


def annex(pages: int = 2, text: str = "Compte rendu inventé", **changes: Any) -> Annex:
    """A PDF such as a hospital's record gives: version 1.7, not archival, with a landscape page."""
    source = f'#set page(paper: "a4")\n= {text}\n#lorem(250)\n' + "".join(
        f"#page(flipped: {'true' if n % 2 else 'false'})[#rect(fill: red)[{n + 2}] #lorem(150)]\n"
        for n in range(pages - 1)
    )
    fields: dict[str, Any] = {
        "half": Half.DSP,
        "heading": HEADINGS[Half.DSP],
        "pdf": typst.compile(source.encode()),
        "author": PSYCHIATRIST,
        "written_at": datetime(2026, 11, 24, 8, 0, tzinfo=UTC),
    }
    return Annex(**(fields | changes))
