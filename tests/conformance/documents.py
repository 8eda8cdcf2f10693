"""Every CDA that this program makes: the golden ones, and letters that try the edges."""

import shutil
from pathlib import Path
from typing import Final

from engine.compose.render import render
from engine.model.fact import Half
from engine.model.letter import Letter, LetterKind
from engine.model.people import Role
from engine.model.summary import Items, Source
from tests.support.letters import (
    DOCTOR,
    FACE,
    PATIENT,
    ROOT,
    WOMAN,
    annex,
    letter,
    second,
    shop,
)
from tests.support.summaries import FULL, NURSE, PSYCHIATRIC_ITEMS, TEXT, exit_letter, said

HOSTILE: Final = "O'Brien-<b>&amp;\"D'Arc\"]]>  Æ œ ß Ł 中文 \u202e\x00 ${x} {{y}} %s "


def letters() -> dict[str, Letter]:
    """Letters by the name of what each tries."""
    two = (said(FULL), said(PSYCHIATRIC_ITEMS, Half.DSP))
    hostile = PATIENT.model_copy(
        update={
            "birth_family": HOSTILE,
            "birth_given": "Anne-Noëlle",
            "birth_given_all": "Anne-Noëlle D'",
            "used_family": "N" * 60,
            "used_given": "É",
        }
    )
    hard = Items(
        reason=HOSTILE,
        synthesis=HOSTILE * 50 + "\n\n- " + HOSTILE,
        treatments=tuple(
            one.model_copy(update={"label": HOSTILE, "posology": HOSTILE})
            for one in FULL.treatments
        ),
        allergies=tuple(one.model_copy(update={"label": HOSTILE}) for one in FULL.allergies),
        events=(HOSTILE,),
    )
    return {
        "n1-arrival": letter(),
        "n1-arrival-without-ins": letter(patient=WOMAN),
        "n1-exit-notice": letter(LetterKind.EXIT_NOTICE),
        "n1-exit-letter-in-pdf": exit_letter(annexes=(annex(),)),
        "n1-second": second(LetterKind.EXIT_NOTICE),
        "n1-arrival-cancelled": second(LetterKind.ARRIVAL_CANCELLED),
        "n1-exit-cancelled": second(LetterKind.EXIT_CANCELLED),
        "n3-nothing-said": exit_letter(said(Items())),
        "n3-text-alone": exit_letter(said(TEXT)),
        "n3-minimal": exit_letter(said(Items(synthesis="Rien à signaler."))),
        "n3-full": exit_letter(said(FULL)),
        "n3-two-authors": exit_letter(*two),
        "n3-second": second(
            summary=exit_letter(*two).summary, withheld=(Half.DSP,)
        ),
        "n3-without-ins": exit_letter(said(FULL), patient=WOMAN),
        "n3-year-of-birth": exit_letter(
            said(FULL), patient=PATIENT.model_copy(update={"birth_date": "1961", "sex": "U"})
        ),
        "n3-no-treatment-no-allergy": exit_letter(
            said(Items(treatments_none=True, allergies_none=True))
        ),
        "n3-opioid-alone": exit_letter(said(Items(opioid=FULL.opioid, naloxone=False))),
        "n3-nurse": exit_letter(said(FULL, author=NURSE)),
        "n3-author-unknown": exit_letter(said(FULL, author=None)),
        "n3-background": exit_letter(
            said(Items(synthesis="Suivi.")),
            said(Items(allergies=FULL.allergies), source=Source.MESSAGE, author=None),
        ),
        "n3-annexes": exit_letter(said(FULL), annexes=(annex(),)),
        "n3-hostile": exit_letter(
            said(hard),
            patient=hostile,
            recipient=DOCTOR.model_copy(update={"family": HOSTILE, "given": ""}),
        ),
        "n3-nurse-reads": _to(Role.NURSE, exit_letter(*two)),
        "n3-coordinator-reads": _to(Role.COORDINATOR, exit_letter(*two)),
        "n3-awaited": exit_letter(said(FULL), withheld=(Half.DSP,)),
    }  # fmt: skip


def _to(role: Role, of: Letter) -> Letter:
    reader = of.recipient.model_copy(update={"role": role})
    return of.model_copy(update={"recipient": reader})


def cda(of: Letter) -> bytes:
    """The document as it leaves."""
    return render(of, shop(), FACE).files["cda.xml"]


def write_all(folder: Path) -> list[Path]:
    """Write every document into a folder: golden ones as they are, letters in their zip."""
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for source in sorted((ROOT / "fixtures").rglob("*.xml")):
        if b"<ClinicalDocument" in source.read_bytes()[:2000]:
            name = "-".join(source.relative_to(ROOT / "fixtures").parts)
            written.append(Path(shutil.copyfile(source, folder / name)))
    for name, one in letters().items():
        path = folder / f"{name}.zip"
        path.write_bytes(render(one, shop(), FACE).files["ihe_xdm.zip"])
        written.append(path)
    return written
