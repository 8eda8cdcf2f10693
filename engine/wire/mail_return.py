"""A mail that came to the application mailbox → what it says about letters of ours, or nothing.

Spec    RFC 3464 (DSN), RFC 8098 (MDN), RFC 6522 (multipart/report), RFC 3834 (automatic replies);
        the MDN and KO mails of the CI-SIS volet "Transmission au LPS" in their forms of 2025
        (v1.1.2: "processed/Error: 902^…") and 2026 (v1.1.3: "processed/error" and "Error: 902^…").
Total: any bytes give an answer. An ordinary mail that answers another one may be the doctor's: it
is told as an answer, and a person reads it. Any other mail is NotAReceipt: it belongs to people.
Nothing here trusts the mail: who it is about is only a clue.
"""

import re
from dataclasses import dataclass, replace
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Final

from engine.model.receipt import Clue, Receipt, ReceiptKind, ReceiptSource, Reported, Returned
from engine.wire import mail_bounce, mime
from engine.wire.mime import Part

MOST_RECIPIENTS: Final = 32  # blocks of one report that are read; we send one mail a recipient
_MOST_THREAD: Final = 16

_ID: Final = re.compile(r"<[^<>\s@]{1,200}@[^<>\s@]{1,200}>")
_MOST_FROM: Final = 1000  # characters
_NOBODY: Final = "?"  # no mailbox: a reading that nobody in particular tells of
# Names in quotes hold anything, an address first of all.
_QUOTED: Final = re.compile(r'"(?:[^"\\]|\\.)*"')
_ANGLE: Final = re.compile(r"<\s*([^<>()\s,;:@]{1,64}@[^<>()\s,;:@]{1,255})\s*>")
_BARE: Final = re.compile(r"(?:^|(?<=[\s,]))([^<>()\s,;:@]{1,64}@[^<>()\s,;:@]{1,255})(?=[\s,]|$)")
_STATUS: Final = re.compile(r"\s*([245]\.\d{1,3}\.\d{1,3})(?![\d.])", re.ASCII)
_CODE: Final = re.compile(r"(?<![\d.])([245]\d\d)(?=[ \-]|$)", re.ASCII)
_DISPOSITION: Final = re.compile(
    r"(?:\s*(manual|automatic)-action\s*/\s*mdn-sent-(?:manually|automatically)\s*;)?"
    r"\s*([a-z-]{1,40})\s*(?:/(.*))?",
    re.ASCII | re.IGNORECASE | re.DOTALL,
)
_BUSINESS_CODE: Final = re.compile(r"(?<!\d)(\d{3})(?!\d)", re.ASCII)
_KO: Final = re.compile(r"\s*\[([^\[\]]{1,60})\]\s*\[\s*(\d{1,4})\s*\]")

_DSN_PARTS: Final = frozenset({"message/delivery-status", "message/global-delivery-status"})
_MDN_PARTS: Final = frozenset(
    {"message/disposition-notification", "message/global-disposition-notification"}
)
_ACTIONS: Final = {
    "delivered": ReceiptKind.DELIVERED,
    "relayed": ReceiptKind.RELAYED,
    "expanded": ReceiptKind.EXPANDED,
    "delayed": ReceiptKind.DELAYED,
    "failed": ReceiptKind.FAILED,
}
_DISPOSITIONS: Final = {
    "displayed": ReceiptKind.DISPLAYED,
    "processed": ReceiptKind.FILED,
    "dispatched": ReceiptKind.DISPATCHED,
    "deleted": ReceiptKind.DELETED,
}
# Which class of status an action may carry (RFC 3464 section 2.3.4): another is no statement.
_CLASSES: Final = {
    ReceiptKind.DELIVERED: "2",
    ReceiptKind.RELAYED: "2",
    ReceiptKind.EXPANDED: "2",
    ReceiptKind.DELAYED: "4",
    ReceiptKind.FAILED: "45",
}


@dataclass(frozen=True, slots=True)
class NotAReceipt:
    """Left alone. ``why`` is a word of ours: for counters, never for a person's eyes alone."""

    why: str


def read(raw: bytes) -> Returned | NotAReceipt:
    """Say what a mail reports. ``raw`` may be the beginning of a long mail: reports come first."""
    mail = mime.read(raw)
    dsn, mdn = _outside(mail, _DSN_PARTS), _outside(mail, _MDN_PARTS)
    if len(dsn) + len(mdn) > 1:
        return NotAReceipt("several-reports")
    if dsn:
        return _returned(mail, _delivery_reports(mail, dsn[0]))
    if mdn:
        return _returned(mail, _disposition(mail, mdn[0]))
    if mail.kind == "multipart/report":
        return NotAReceipt("report-without-its-part")
    if (code := _ko_code(mail)) is not None:
        receipt = Receipt(
            ReceiptKind.REFUSED, ReceiptSource.KO_MAIL, code=code, said_at=_date(mail)
        )
        return _returned(mail, (Reported(receipt, _clue(mail, recipients=_senders(mail))),))
    bounced = mail_bounce.read(mail)
    if bounced is not None:
        text, receipt = bounced
        clue = _clue(mail, recipients=mail_bounce.addresses(mail, text))
        if not clue.original_id:
            clue = Clue("", mail_bounce.quoted_id(text), clue.thread, clue.recipients)
        return _returned(mail, (Reported(_dated(receipt, mail), clue),))
    if mail_bounce.is_automatic_reply(mail):
        receipt = Receipt(ReceiptKind.ABSENT, ReceiptSource.AUTO_REPLY, said_at=_date(mail))
        return _returned(mail, (Reported(receipt, _clue(mail, recipients=_senders(mail))),))
    return _answer(mail)


def _answer(mail: Part) -> Returned | NotAReceipt:
    """An ordinary mail that answers another: which, its thread says. What it carries is not read:
    a mail that is enclosed in it may be any mail, and the answer may be forwarded by anybody."""
    thread = _thread(mail)
    writers = _senders(mail)
    if not thread or len(writers) != 1:
        return NotAReceipt("no-report")
    receipt = Receipt(ReceiptKind.ANSWERED, ReceiptSource.REPLY, said_at=_date(mail))
    clue = Clue(thread=thread, recipients=writers, writer=writers[0])
    return _returned(mail, (Reported(receipt, clue),))


def _returned(mail: Part, reports: tuple[Reported, ...]) -> Returned | NotAReceipt:
    if not reports:
        return NotAReceipt("empty-report")
    # RFC 6522 section 3: a report is the outermost part. One that lies in a mail beside other parts
    # may have been passed on by somebody, with words of theirs.
    words = mail.kind != "multipart/report"
    return Returned(_one_id(mail.first("message-id")), reports, words)


def _outside(mail: Part, kinds: frozenset[str]) -> list[Part]:
    """Parts of these kinds that are the mail's own: not those of a mail that it carries."""
    found: list[Part] = []
    rest = [mail]
    while rest:
        one = rest.pop(0)
        if one.kind in kinds:
            found.append(one)
        elif one.kind.startswith("multipart/"):
            rest.extend(one.children)
    return found


def _delivery_reports(mail: Part, part: Part) -> tuple[Reported, ...]:
    """RFC 3464 section 2.1.2: one block on the mail, then one a recipient."""
    blocks = [dict(reversed(fields)) for fields in _blocks(part.content())]
    if not blocks:
        return ()
    about = blocks[0]
    envelope_id = about.get("original-envelope-id", "")
    reports = []
    for block in blocks[1 : 1 + MOST_RECIPIENTS]:
        named = [
            _mailbox(block.get(name, "")) for name in ("original-recipient", "final-recipient")
        ]
        kind, status = _action(block)
        receipt = Receipt(
            kind,
            ReceiptSource.DSN,
            status=status,
            code=_smtp_code(block.get("diagnostic-code", "")),
            said_at=_date(mail),
        )
        clue = _clue(mail, envelope_id=envelope_id, recipients=tuple(filter(None, named)))
        reports.append(Reported(receipt, clue))
    return tuple(reports)


def _action(block: dict[str, str]) -> tuple[ReceiptKind, str | None]:
    kind = _ACTIONS.get(_word(block.get("action", "")), ReceiptKind.UNCLEAR)
    found = _STATUS.match(block.get("status", ""))
    status = found[1] if found else None
    if kind in _CLASSES and status is not None and status[0] not in _CLASSES[kind]:
        return ReceiptKind.UNCLEAR, status
    return kind, status


def _disposition(mail: Part, part: Part) -> tuple[Reported, ...]:
    """RFC 8098 section 3.2; the national forms of an error, and a subject that says KO."""
    block: dict[str, str] = {}
    for fields in _blocks(part.content()):
        block = dict(reversed(fields)) | block
    matched = _DISPOSITION.fullmatch(block.get("disposition", ""))
    mode, word, modifier = matched.groups() if matched else (None, "", None)
    modifier = (modifier or "").strip()
    kind = _DISPOSITIONS.get(word.lower(), ReceiptKind.UNCLEAR)
    ko = _ko_code(mail)
    code: int | None = None
    told = block.get("error", "") or block.get("failure", "")
    if modifier.lower().startswith("error") or told or ko is not None:
        kind = ReceiptKind.REFUSED if kind is ReceiptKind.FILED else ReceiptKind.UNCLEAR
        code = _business_code(told) or _business_code(modifier) or ko
    elif modifier:
        kind = ReceiptKind.UNCLEAR  # an extension that we cannot weigh
    receipt = Receipt(
        kind,
        ReceiptSource.MDN,
        code=code,
        by_machine=None if mode is None else mode.lower() == "automatic",
        said_at=_date(mail),
    )
    named = [_mailbox(block.get(name, "")) for name in ("original-recipient", "final-recipient")]
    clue = _clue(
        mail,
        original_id=_one_id(block.get("original-message-id", "")),
        recipients=tuple(filter(None, named)) or _senders(mail),
    )
    return (Reported(receipt, replace(clue, writer="".join(_senders(mail)) or _NOBODY)),)


def _ko_code(mail: Part) -> int | None:
    """The code of "[KO Intégration système !][902] …", or of "[Erreur d’intégration !][902] …"."""
    found = _KO.match(mail.first("subject"))
    if found is None:
        return None
    tag = mail_bounce.plain_words(found[1])
    if "integration" not in tag or not ({"ko", "erreur"} & set(tag.split())):
        return None
    return int(found[2])


def _clue(
    mail: Part,
    *,
    envelope_id: str = "",
    original_id: str = "",
    recipients: tuple[str, ...] = (),
) -> Clue:
    if not original_id:
        for part in _outside(mail, mime.MAILS):
            original_id = original_id or _one_id(part.children[0].first("message-id"))
    return Clue(
        envelope_id=_unquoted(envelope_id.strip())[:200],
        original_id=original_id,
        thread=_thread(mail),
        recipients=recipients,
    )


def _thread(mail: Part) -> tuple[str, ...]:
    found = _ID.findall(mail.first("in-reply-to"))
    found += reversed(_ID.findall(mail.first("references")))
    return tuple(dict.fromkeys(found))[:_MOST_THREAD]


def _blocks(body: bytes) -> list[tuple[tuple[str, str], ...]]:
    lines = body.replace(b"\r\n", b"\n").strip(b"\n")
    blocks = (mime.fields(one) for one in re.split(rb"\n[ \t]*\n", lines)[: 2 * MOST_RECIPIENTS])
    return [one for one in blocks if one]


def _mailbox(value: str) -> str:
    """``rfc822; dr@example`` → the mailbox, in lower case; "" for another type of address."""
    kind, _, address = value.partition(";")
    kind = kind.strip().lower()
    if kind not in ("rfc822", "utf-8"):
        return ""
    address = address.strip().removeprefix("<").removesuffix(">")
    if kind == "utf-8":  # RFC 6533 section 3
        address = re.sub(r"\\x\{([0-9A-Fa-f]{2,6})\}", _escaped, address)
    return _unquoted(address).lower()[:320]


def _escaped(found: re.Match[str]) -> str:
    number = int(found[1], 16)
    return chr(number) if number < 0xD800 or 0xDFFF < number < 0x110000 else ""


def _unquoted(text: str) -> str:
    """Xtext undone (RFC 3461 section 4): +HH is an octet. Other text stays."""
    if "+" not in text:
        return text
    whole = re.sub(r"\+([0-9A-F]{2})", lambda found: chr(int(found[1], 16)), text)
    return whole if whole.isprintable() else text


def _senders(mail: Part) -> tuple[str, ...]:
    """The one mailbox that wrote, in lower case; none when that is not clear.

    The standard library's parser of addresses recurses: a header of brackets ends it.
    """
    told = [value for name, value in mail.headers if name == "from"]
    if len(told) != 1:
        return ()
    text = _QUOTED.sub(" ", told[0][:_MOST_FROM])  # as it stands: no encoded word is an address
    found = _ANGLE.findall(text) or _BARE.findall(text)
    return (found[0].lower(),) if len(found) == 1 else ()


def _one_id(text: str) -> str:
    found = _ID.search(text)
    return found[0] if found else ""


def _smtp_code(diagnostic: str) -> int | None:
    kind, _, text = diagnostic.partition(";")
    found = _CODE.match(text.strip()) if kind.strip().lower() == "smtp" else None
    return int(found[1]) if found else None


def _business_code(text: str) -> int | None:
    found = _BUSINESS_CODE.search(text)
    return int(found[1]) if found else None


def _word(text: str) -> str:
    found = re.match(r"\s*([A-Za-z-]{1,40})", text)
    return found[1].lower() if found else ""


def _dated(receipt: Receipt, mail: Part) -> Receipt:
    return Receipt(receipt.kind, receipt.source, receipt.status, receipt.code, said_at=_date(mail))


def _date(mail: Part) -> datetime | None:
    try:
        at = parsedate_to_datetime(mail.first("date")[:100])
        return at if at.tzinfo is not None and 1990 < at.year < 2200 else None
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
