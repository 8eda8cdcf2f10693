"""The segments in which a site says what the patient agreed to, and which GP is confirmed."""

import re
from collections.abc import Iterator
from datetime import datetime, timedelta

from engine.mapping.path import Inner
from engine.mapping.reading import Notes, is_delete
from engine.mapping.schema import ConsentRow
from engine.model.capacity import ProtectionStated, Regime
from engine.model.consent import (
    MEDECIN_TRAITANT,
    Collected,
    ConsentState,
    ConsentStated,
    Voice,
)
from engine.model.fact import GpConfirmed, GpStated
from engine.model.people import Professional
from engine.wire.hl7 import Segment


def read_agreement(notes: Notes) -> None:
    """Add the ConsentStated and GpConfirmed that the mapping finds."""
    visit = notes.message.value("PV1", 19) or None
    for row in notes.dialect.mapping.consent:
        for segment in _matching(notes, row.segment, row.where):
            place = f"{row.segment}-{row.state.text}"
            state = row.states.get(row.state.first(segment))
            if state is None:
                notes.missing(place, "the consent's value is not in the mapping's table")
                continue
            when = _moment(notes, row.at.first(segment) if row.at else "", state)
            if when is None:
                place = f"{row.segment}-{row.at.text}" if row.at else place
                notes.missing(place, "an agreement dated ahead, or by no date", grave=True)
                continue
            voice = _voice(notes, row, segment)
            if voice is None:
                continue
            at, dated = when
            recipient = row.recipient.first(segment) if row.recipient else ""
            for purpose in row.purposes:
                notes.facts.append(
                    ConsentStated(
                        purpose=purpose,
                        recipient=recipient or MEDECIN_TRAITANT,
                        state=state,
                        at=at,
                        dated=dated,
                        by=(row.by.first(segment) if row.by else "") or place,
                        visit=visit,
                        how=row.hows.get(row.how.first(segment), Collected.UNKNOWN)
                        if row.how
                        else Collected.UNKNOWN,
                        language=_language(row.language.first(segment) if row.language else ""),
                        voice=voice,
                    )
                )


def _voice(notes: Notes, row: ConsentRow, segment: Segment) -> Voice | None:
    """Who speaks; None: somebody whom the mapping does not know. It is not the patient's word."""
    told = row.voice.first(segment) if row.voice else ""
    if not told or is_delete(told):
        return row.speaker
    voice = row.voices.get(told)
    if voice is None and row.voice:
        place = f"{row.segment}-{row.voice.text}"
        notes.missing(place, "who speaks is not in the mapping's table", grave=True)
    return voice


def _language(text: str) -> str | None:
    found = text.strip().lower()
    return found if re.fullmatch(r"[a-z]{2,3}", found) else None


def read_protection(notes: Notes) -> None:
    """Add the ProtectionStated that the mapping finds."""
    for row in notes.dialect.mapping.protection:
        for segment in _matching(notes, row.segment, row.where):
            value = row.value.first(segment)
            if not value or is_delete(value):
                continue
            regime = row.regimes.get(value)
            flags = {
                "secret_care": row.secret_care.get(value),
                "emancipated": row.emancipated.get(value),
                "infant": row.infant.get(value),
            }
            if regime is None and all(flag is None for flag in flags.values()):
                place = f"{row.segment}-{row.value.text}"
                notes.missing(place, "the value is not in the mapping's tables")
                if not row.regimes:
                    continue
                regime = Regime.UNKNOWN
            who = row.representative.first(segment) if row.representative else ""
            at = notes.time(row.at.first(segment)) if row.at else None
            notes.facts.append(
                ProtectionStated(
                    regime=regime,
                    representative=who[:200] or None,
                    at=min(at or notes.recorded_at, notes.recorded_at),
                    by=f"{row.segment}-{row.value.text}",
                    **flags,
                )
            )


def _moment(notes: Notes, text: str, state: ConsentState) -> tuple[datetime, bool] | None:
    """When the patient said it, and whether the source tells; None: a "yes" that cannot be dated.

    Doubt goes to silence: a "yes" counts from the start of what its date leaves open, a "no" until
    its end; a "no" dated ahead, or by no date, counts from now.
    """
    if not text or is_delete(text):
        return notes.recorded_at, False
    at = notes.time(text)
    granted = state is ConsentState.GRANTED
    if at is None or at > notes.recorded_at:
        return None if granted else (notes.recorded_at, True)
    if not granted and len(text) <= len("YYYYMMDD"):
        at = min(at + timedelta(days=1) - timedelta(microseconds=1), notes.recorded_at)
    return at, True


def read_confirmation(notes: Notes) -> None:
    """Add the GpConfirmed of a mapped segment. The GP of the message must have been read."""
    for row in notes.dialect.mapping.gp_confirmed:
        for segment in _matching(notes, row.segment, row.where):
            place = f"{row.segment}-{row.state.text}"
            if row.state.first(segment) not in row.confirmed:
                continue
            rpps = row.rpps.first(segment) if row.rpps else ""
            named = None if rpps else _gp_of_message(notes)
            if not rpps and named is None:
                notes.missing(place, "confirms a médecin traitant that the message does not name")
                continue
            if named is not None and named.rpps:
                rpps, named = named.rpps, None
            at = notes.time(row.at.first(segment)) if row.at else None
            notes.facts.append(
                GpConfirmed(rpps=rpps, named=named, at=at or notes.recorded_at, by=place)
            )


def _gp_of_message(notes: Notes) -> Professional | None:
    return next((one.gp for one in notes.facts if isinstance(one, GpStated)), None)


def _matching(notes: Notes, name: str, where: dict[str, str]) -> Iterator[Segment]:
    wanted = [(Inner.parse(address), value) for address, value in where.items()]
    for segment in notes.message.all(name):
        if all(address.first(segment) == value for address, value in wanted):
            yield segment
