"""Whom letters go to: mailbox types, the channel of the national directory, the site's rules."""

from collections.abc import Iterator

from engine.directory.domains import comparable_domain
from engine.model.annuaire_config import Mailboxes
from engine.runtime.findings import Finding, Sound, folder_fault
from engine.runtime.site_rules import RulesError, read_without_gp
from engine.store.directory import directory_path


def check_recipients(sound: Sound) -> Iterator[Finding]:
    """Findings at [mailboxes] and in mappings/rules; fills `sound.without_gp`."""
    boxes: Mailboxes | None = sound.values.get("mailboxes")
    if boxes is not None:
        yield from _channel(sound, boxes)
        for name in ("first_domains", "last_domains"):
            for number, domain in enumerate(getattr(boxes, name)):
                if comparable_domain(domain) != domain:
                    yield Finding(
                        ("mailboxes", name, number),
                        "no domain name in lower case",
                        "such as medecin.mssante.fr",
                    )
    if folder_fault(sound.mappings) is not None:
        return  # told in its own place
    units = {key for dialect in sound.dialects.values() for key in dialect.units.usmp}
    try:
        sound.without_gp = read_without_gp(sound.mappings, units)
    except RulesError as error:
        for what, cure in error.faults:
            yield Finding(("mappings",), what, cure)


def _channel(sound: Sound, boxes: Mailboxes) -> Iterator[Finding]:
    known = sound.names("channels")
    if boxes.channel is not None:
        if boxes.channel not in known:
            yield Finding(
                ("mailboxes", "channel"),
                "no [channels.*] has that name",
                f"one of: {', '.join(sorted(known)) or 'none is configured'}",
            )
        return
    data = sound.values.get("data")
    sending = [name for name, one in sound.channels.items() if one.format == "xdm"]
    try:
        imported = data is not None and directory_path(data).exists()
    except OSError:
        imported = False  # the data folder itself: that is told in its own place
    if imported and len(sending) != 1:
        yield Finding(
            ("mailboxes",),
            f"{len(sending)} channels send MSSanté mail, and the national directory's mailboxes "
            "need one",
            "set [mailboxes] channel to the name of it",
        )
