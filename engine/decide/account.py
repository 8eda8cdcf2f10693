"""What was sent about a patient, told to that patient in plain French. Pure: values in, text out.

Source  art. 15 GDPR and art. L1111-7 CSP: what is held, to whom it went, why. Everything that left
is told, and what was written and did not leave; of the rest, how many messages are held.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo
from typing import Final

from engine.decide.ladder import Rung, Standing
from engine.model.consent import MEDECIN_TRAITANT, ConsentState, ConsentStated, Purpose
from engine.model.flow import POSTED, TO_PRINT, Delivery, DeliveryState
from engine.model.letter import LetterKind

_LETTERS: Final[Mapping[str, str]] = {
    LetterKind.ARRIVAL_NOTICE: "Un avis : vous êtes suivi par notre équipe",
    LetterKind.EXIT_NOTICE: "Un avis : notre équipe ne vous suit plus",
    LetterKind.EXIT_LETTER: "La lettre de sortie, avec votre suivi médical",
    LetterKind.ARRIVAL_CANCELLED: "Un avis qui annule le premier : il ne devait pas partir",
    LetterKind.EXIT_CANCELLED: "Un avis qui annule la lettre de sortie : elle n'était pas juste",
}
_PURPOSES: Final[Mapping[str, str]] = {
    Purpose.ARRIVAL_NOTICE: "prévenir votre médecin de votre arrivée",
    Purpose.EXIT_NOTICE: "prévenir votre médecin de votre sortie",
    Purpose.EXIT_LETTER_SOMATIC: "lui envoyer la partie « santé physique » de la lettre de sortie",
    Purpose.EXIT_LETTER_PSYCHIATRIC: (
        "lui envoyer la partie « santé psychique » de la lettre de sortie"
    ),
    Purpose.LETTER_WRITTEN: "qu'une lettre de sortie soit écrite",
    Purpose.DETENTION_TOLD: "que votre médecin sache que vous êtes, ou étiez, en détention",
    Purpose.GP_LOOKUP: "chercher votre médecin traitant auprès de l'assurance maladie",
    Purpose.COORDINATOR: "écrire à la personne qui coordonne vos soins",
    Purpose.DMP: "déposer des documents dans votre dossier médical partagé (DMP)",
    Purpose.PATIENT_MAILBOX: "vous écrire dans votre messagerie de santé",
}
_ANSWERS: Final[Mapping[str, str]] = {
    ConsentState.GRANTED: "vous avez dit oui",
    ConsentState.REFUSED: "vous avez dit non",
    ConsentState.WITHDRAWN: "vous avez retiré votre accord",
    ConsentState.NOT_ASKED: "la question ne vous a pas été posée",
    ConsentState.COULD_NOT_BE_ASKED: "la question n'a pas pu vous être posée",
}
# What came back. The rungs that are missing are told by when it left, or did not.
_STANDS: Final[Mapping[Rung, str]] = {
    Rung.ACCEPTED: "aucune preuve d'arrivée ni de lecture n'est revenue",
    Rung.DELIVERED: "arrivé dans la boîte du médecin",
    Rung.DISPLAYED: "ouvert par quelqu'un qui lit la boîte du médecin",
    Rung.FILED: "enregistré par le logiciel du médecin",
    Rung.CONFIRMED: "le médecin a dit qu'il l'avait reçu",
    Rung.DISOWNED: "le médecin a dit que vous n'étiez pas son patient",
    Rung.REFUSED: "refusé par le logiciel du médecin",
    Rung.FAILED: "il n'est pas arrivé",
    Rung.UNKNOWN: "les réponses reçues ne concordent pas",
}
_MONTHS: Final = (
    *("janvier", "février", "mars", "avril", "mai", "juin", "juillet", "août", "septembre"),
    *("octobre", "novembre", "décembre"),
)


@dataclass(frozen=True, slots=True)
class Told:
    """One letter, as the account tells it."""

    delivery: Delivery
    sent_at: datetime | None  # when the mail service took it
    doctor: str  # name; "" when the directory no longer has it
    text: str  # what it said; "" when it is no longer kept
    stands: Standing  # what came back about it


def account(
    number: str,
    name: str,
    hospital: str,
    letters: Sequence[Told],
    said: Sequence[ConsentStated],
    messages: int,
    now: datetime,
    zone: tzinfo,
) -> str:
    """Lay the account out. ``messages``: how many messages of the hospital are held."""
    whole = [
        f"{hospital}",
        "Ce qui a été envoyé à votre sujet",
        "",
        f"Établi le {_day(now, zone)} pour {name or 'le patient'}, numéro {number}.",
        "",
        "Notre équipe de soins peut écrire à un médecin que vous avez choisi, par messagerie",
        "de santé sécurisée. Rien ne part sans votre accord. Voici tout ce qui a été préparé,",
        "à qui, quand et pourquoi.",
        "",
        *_part("Les courriers"),
    ]
    ordered = sorted(letters, key=lambda one: one.delivery.created_at)
    for place, one in enumerate(ordered, 1):
        whole += [f"{place}. {_LETTERS.get(one.delivery.letter_kind, 'Un courrier')}"]
        whole += [f"   {line}" for line in _letter(one, said, zone)]
        whole.append("")
    if not letters:
        whole += ["Aucun courrier n'a été préparé à votre sujet.", ""]
    whole += _part("Ce que vous avez dit")
    whole += [f"- {_answer(one, zone)}" for one in sorted(said, key=lambda one: one.at)]
    if not said:
        whole.append("Aucune réponse de votre part n'est enregistrée ici.")
    whole += [
        "",
        *_part("Ce qui est gardé ici"),
        f"{messages} informations reçues du logiciel de l'hôpital, et les courriers ci-dessus.",
        "Elles sont chiffrées, et effacées après un délai. Votre dossier médical est ailleurs :",
        "il se demande à l'hôpital.",
        "",
        *_part("Vos droits"),
        "Vous pouvez à tout moment changer d'avis, demander une correction, ou demander que tout",
        "ce qui est gardé ici soit effacé : dites-le à l'équipe de soins. Ce qui est déjà parti",
        "chez un médecin ne peut plus être repris. Si la réponse ne vous convient pas, vous",
        "pouvez écrire à la CNIL, 3 place de Fontenoy, TSA 80715, 75334 Paris Cedex 07.",
    ]
    return "\n".join(whole) + "\n"


def _part(title: str) -> list[str]:
    return [title, "-" * len(title)]


def _letter(one: Told, said: Sequence[ConsentStated], zone: tzinfo) -> list[str]:
    d = one.delivery
    to = f"{one.doctor}, " if one.doctor else ""
    lines = [f"À qui : {to}{d.intended} (numéro professionnel {d.rpps})"]
    if d.address != d.intended:
        lines = [f"À qui : à personne. C'était un essai, envoyé à l'hôpital lui-même ({d.address})"]
    lines.append(f"Quand : {_fate(one, zone)}")
    if one.stands.rung in _STANDS:
        when = f" ({_moment(one.stands.since, zone)})" if one.stands.since else ""
        lines.append(f"Ce qui est revenu : {_STANDS[one.stands.rung]}{when}")
    lines += [f"Pourquoi : {line}" for line in _reasons(d, said, zone)]
    if d.version > 1:
        lines.append(f"C'est la version {d.version} : elle remplace la précédente.")
    lines.append(f"Référence du message : {d.message_id}")
    if not one.text:
        return [*lines, "Le texte n'est plus gardé ici."]
    return [*lines, "Ce que le courrier disait :", *(f"  | {line}" for line in _lines(one.text))]


def _fate(one: Told, zone: tzinfo) -> str:
    d = one.delivery
    match d.state:
        case DeliveryState.RELAYED if d.reason == TO_PRINT:
            return f"donné à imprimer et à poster le {_moment(d.closed_at, zone)}"
        case DeliveryState.RELAYED if d.reason == POSTED:
            return f"imprimé, et posté au plus tard le {_moment(d.closed_at, zone)}"
        case DeliveryState.RELAYED:
            return f"remis à la messagerie le {_moment(one.sent_at or d.closed_at, zone)}"
        case DeliveryState.QUEUED | DeliveryState.SENDING:
            fate = "pas encore parti"
        case DeliveryState.HELD:
            fate = "retenu, il n'est pas parti"
        case DeliveryState.REJECTED | DeliveryState.EXPIRED:
            fate = "il n'a pas pu être remis"
        case DeliveryState.CANCELLED:
            fate = "annulé avant de partir"
    doubt = " ; mais il est possible qu'il soit arrivé" if d.possibly_sent else ""
    return f"{fate} (préparé le {_moment(d.created_at, zone)}){doubt}"


def _reasons(d: Delivery, said: Sequence[ConsentStated], zone: tzinfo) -> list[str]:
    """Each purpose, and the agreement that counted when the letter was written."""
    lines = []
    for purpose in d.purposes:
        what = _PURPOSES.get(purpose, purpose)
        agreed = [
            one
            for one in said
            if one.purpose.value == purpose
            and one.state is ConsentState.GRANTED
            and one.recipient in (d.rpps, MEDECIN_TRAITANT)
            and one.at <= d.created_at
        ]
        if agreed:
            when = _day(max(one.at for one in agreed), zone)
            lines.append(f"pour {what} ; vous étiez d'accord le {when}")
        else:
            lines.append(f"pour {what} ; votre accord n'est plus gardé ici")
    return lines or ["pour annuler un courrier déjà parti"]


def _answer(one: ConsentStated, zone: tzinfo) -> str:
    whom = "" if one.recipient == MEDECIN_TRAITANT else f" (médecin numéro {one.recipient})"
    what = _PURPOSES.get(one.purpose, one.purpose.value)
    return f"le {_day(one.at, zone)}, {what}{whom} : {_ANSWERS[one.state]}"


def _lines(text: str) -> list[str]:
    return text.replace("\r\n", "\n").rstrip("\n").split("\n")


def _day(at: datetime, zone: tzinfo) -> str:
    local = at.astimezone(zone)
    day = "1er" if local.day == 1 else str(local.day)
    return f"{day} {_MONTHS[local.month - 1]} {local.year}"


def _moment(at: datetime | None, zone: tzinfo) -> str:
    if at is None:
        return "date inconnue"
    return f"{_day(at, zone)} à {at.astimezone(zone):%H h %M}"
