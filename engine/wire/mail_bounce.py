"""Mails that machines write in free text: bounces without a report, automatic replies.

Spec    RFC 3834 (Auto-Submitted), RFC 5321 section 4.5.5 (an empty return path); the rest is
        custom. Both halves are asked of a bounce: a machine wrote it, and it says so in words.
"""

import re
import unicodedata
from typing import Final

from engine.model.receipt import Receipt, ReceiptKind, ReceiptSource
from engine.wire.mime import Part

_MOST_TEXT: Final = 32 * 1024
_MOST_ADDRESSES: Final = 16

# Compared with words in small letters and without accents: `plain_words`.
_FAILED: Final = (
    "undeliverable", "undelivered", "could not be delivered", "couldn't be delivered",
    "delivery failed", "delivery failure", "delivery has failed", "failure notice",
    "returned mail", "returned to sender", "message not delivered",
    "delivery status notification failure", "wasn't able to deliver", "unable to deliver",
    "not been delivered",
    "non remis", "non distribue", "non delivre", "n'a pas pu etre remis",
    "n'a pas pu etre distribue", "n'a pas pu etre delivre", "n'a pas ete remis",
    "n'a pas ete distribue", "n'a pas ete delivre", "n'a pu etre remis", "echec de remise",
    "echec de la remise", "echec de distribution", "echec de la distribution", "echec d'envoi",
    "adresse invalide", "boite inexistante", "destinataire inconnu", "profil ferme",
)  # fmt: skip
_DELAYED: Final = (
    "delayed", "still being retried", "will be retried", "will continue to try",
    "retard de remise", "remise retardee", "distribution retardee", "sera retente",
    "delivery status notification delay",
)  # fmt: skip
_DAEMONS: Final = frozenset({"mailer-daemon", "postmaster", "mail-daemon", "maildaemon"})
_AWAY: Final = (
    "reponse automatique", "automatic reply", "auto reply", "autoreply", "out of office",
    "absence du bureau", "message d'absence", "absent du bureau",
)  # fmt: skip

_ADDRESS: Final = re.compile(
    r"(?<![\w.+@-])[A-Za-z0-9._%+'-]{1,64}@[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63}){1,8}",
    re.ASCII,
)
_QUOTED_ID: Final = re.compile(
    r"^[ \t>]{0,20}message-id:[ \t]{0,20}(<[^<>\s@]{1,200}@[^<>\s@]{1,200}>)", re.I | re.M
)
_REPLY: Final = re.compile(
    r"(?<![\d.])([45]\d\d)[ \-]#?([45]\.\d{1,3}\.\d{1,3})?(?![\d.])", re.ASCII
)


def plain_words(text: str) -> str:
    """Small letters, no accents, plain apostrophes, single spaces: for comparing, never to show."""
    bare = unicodedata.normalize("NFKD", text.replace("’", "'").replace("ʼ", "'"))
    bare = "".join(char for char in bare if not unicodedata.combining(char))
    return " ".join(re.sub(r"[^\w'.-]", " ", bare.casefold()).split())


def read(mail: Part) -> tuple[str, Receipt] | None:
    """A bounce in free text, with the text that was read; None: it is none."""
    if not _by_a_daemon(mail):
        return None
    text = own_text(mail)
    words = plain_words(f"{mail.first('subject')} \n {text[:4000]}")
    # A notice of delay says "not been delivered yet" too: the milder word wins.
    if any(word in words for word in _DELAYED):
        return text, Receipt(ReceiptKind.DELAYED, ReceiptSource.BOUNCE)
    if not any(word in words for word in _FAILED):
        return None
    found = _REPLY.search(text)
    code = int(found[1]) if found else None
    status = found[2] if found and (found[2] or "")[:1] == found[1][:1] else None
    return text, Receipt(ReceiptKind.FAILED, ReceiptSource.BOUNCE, status=status, code=code)


def is_automatic_reply(mail: Part) -> bool:
    """Whether a machine answered for somebody who is away."""
    submitted = mail.first("auto-submitted").strip().lower()
    if submitted.startswith("auto-replied"):
        return True
    if mail.first("x-autoreply") or mail.first("x-autorespond"):
        return True
    if mail.first("precedence").strip().lower() in ("auto_reply", "auto-reply"):
        return True
    subject = plain_words(mail.first("subject"))
    away = any(subject.startswith(word) for word in _AWAY)
    return away and submitted != "no"


def addresses(mail: Part, text: str) -> tuple[str, ...]:
    """Mailboxes that a bounce names, in lower case, the header that lists them first."""
    told = _ADDRESS.findall(mail.first("x-failed-recipients")[:4000])
    found = dict.fromkeys(one.lower() for one in (*told, *_ADDRESS.findall(text)))
    return tuple(found)[:_MOST_ADDRESSES]


def quoted_id(text: str) -> str:
    """The Message-ID of the headers that a bounce quotes in its text."""
    found = _QUOTED_ID.search(text)
    return found[1] if found else ""


def own_text(mail: Part) -> str:
    """What the mail itself says: its first part of plain text, or its HTML without the tags."""
    rest = [mail]
    html = ""
    while rest:
        one = rest.pop(0)
        if one.kind == "text/plain":
            return one.text(_MOST_TEXT)
        if one.kind == "text/html" and not html:
            html = re.sub(r"<[^<>]{0,2000}>", " ", one.text(_MOST_TEXT))
        if one.kind.startswith("multipart/"):
            rest = [*one.children, *rest]
    return html


def _by_a_daemon(mail: Part) -> bool:
    if mail.first("return-path").strip() == "<>":
        return True
    sender = mail.first("from").lower()
    return any(f"{name}@" in sender for name in _DAEMONS) or sender.strip() in _DAEMONS
