"""Mails that come back, as the standards and the field write them. Invented people and domains."""

from collections.abc import Sequence

DOCTOR = "cabinet@medecin.example"
US = "usmp@hopital.example"
ORIGINAL = "<d1@hopital.example>"
ENVELOPE = "d1"


def _crlf(text: str) -> bytes:
    return text.replace("\r\n", "\n").replace("\n", "\r\n").encode()


def dsn(
    action: str = "delivered",
    status: str = "2.0.0",
    *,
    envelope: str = ENVELOPE,
    original_id: str = ORIGINAL,
    recipient: str = DOCTOR,
    original_recipient: str | None = DOCTOR,
    diagnostic: str = "",
    own: str = "dsn1@relay.example",
    top: str = "",
) -> bytes:
    """RFC 3464, as Postfix writes it."""
    about = f"Original-Envelope-Id: {envelope}\n" if envelope else ""
    ours = f"Original-Recipient: rfc822;{original_recipient}\n" if original_recipient else ""
    said = f"Diagnostic-Code: smtp; {diagnostic}\n" if diagnostic else ""
    return _crlf(
        f"""{top}Return-Path: <>
From: MAILER-DAEMON@relay.example (Mail Delivery System)
To: {US}
Subject: Delivery report
Date: Mon, 2 Mar 2026 10:00:00 +0100
Auto-Submitted: auto-replied
Message-ID: <{own}>
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status;
\tboundary="B/b1"

This is a MIME-encapsulated message.

--B/b1
Content-Description: Notification
Content-Type: text/plain; charset=us-ascii

This is the mail system at host relay.example. Undeliverable? Delayed? See below.

--B/b1
Content-Description: Delivery report
Content-Type: message/delivery-status

Reporting-MTA: dns; relay.example
{about}Arrival-Date: Mon,  2 Mar 2026 09:59:58 +0100

{ours}Final-Recipient: rfc822; {recipient}
Action: {action}
Status: {status}
{said}
--B/b1
Content-Description: Message headers
Content-Type: text/rfc822-headers

From: {US}
To: {DOCTOR}
Message-ID: {original_id}

--B/b1--
"""
    )


def mdn(
    disposition: str = "manual-action/MDN-sent-manually; displayed",
    *,
    fields: Sequence[str] = (),
    original_id: str = ORIGINAL,
    recipient: str = DOCTOR,
    original_recipient: str | None = DOCTOR,
    subject: str = "XDM/1.0/DDM+Lettre ESSAI Marcel 14/02/1961",
    own: str = "mdn1@medecin.example",
    attachment: bytes = b"",
) -> bytes:
    """RFC 8098; `fields` go into the report: the national Error field of 2026."""
    ours = f"Original-Recipient: rfc822;{original_recipient}\n" if original_recipient else ""
    more = "".join(f"{one}\n" for one in fields)
    encoded = subject if subject.isascii() else _encoded(subject)
    head = _crlf(
        f"""From: Cabinet <{recipient}>
To: {US}
Subject: {encoded}
Date: Mon, 2 Mar 2026 11:00:00 +0100
Message-ID: <{own}>
MIME-Version: 1.0
Content-Type: multipart/report; report-type=disposition-notification; boundary=b2

--b2
Content-Type: text/plain; charset=UTF-8
Content-Transfer-Encoding: 8bit

Accusé de lecture.

--b2
Content-Type: message/disposition-notification

Reporting-UA: dpi.cabinet.example; LOGICIEL 1.0
{ours}Final-Recipient: rfc822;{recipient}
Original-Message-ID: {original_id}
Disposition: {disposition}
{more}
--b2
Content-Type: message/rfc822

From: {US}
Message-ID: {original_id}
Subject: XDM/1.0/DDM+Lettre

Bonjour
"""
    )
    if attachment:
        head += b"\r\n--b2\r\nContent-Type: application/zip\r\n\r\n" + attachment
    return head + b"\r\n--b2--\r\n"


NATIONAL_2025 = (
    "automatic-action/MDN-sent-automatically; processed/Error: 902^Identifiant de patient "
    "inconnu^messageErrorCondition| E^Error^errorSeverity"
)
NATIONAL_2026 = "automatic-action/MDN-sent-automatically; processed/error"
NATIONAL_2026_FIELD = (
    "Error: {code}^Identifiant de patient inconnu^applicationErrorCondition| E^Error^errorSeverity"
)
KO = "[KO Intégration système !][{code}] XDM/1.0/DDM+Lettre de liaison ESSAI Marcel 14/02/1961"
KO_TYPOGRAPHIC = "[Erreur d’intégration !][{code}] XDM/1.0/DDM+Lettre ESSAI Marcel"


def ko_mail(
    code: int = 902, subject: str = KO, *, sender: str = DOCTOR, thread: bool = True
) -> bytes:
    """An ordinary mail that says that a document was refused."""
    reply = f"In-Reply-To: {ORIGINAL}\n" if thread else ""
    return _crlf(
        f"""From: {sender}
To: {US}
Subject: {_encoded(subject.format(code=code))}
Date: Mon, 2 Mar 2026 11:00:00 +0100
Message-ID: <ko1@medecin.example>
{reply}MIME-Version: 1.0
Content-Type: multipart/mixed; boundary=b3

--b3
Content-Type: text/plain; charset=UTF-8

{code} Identifiant de patient inconnu

--b3
Content-Type: message/rfc822
Content-Disposition: attachment; filename=message_original.eml

From: {US}
To: {DOCTOR}
Message-ID: {ORIGINAL}
Subject: XDM/1.0/DDM+Lettre

Bonjour
--b3--
"""
    )


def automatic_reply(*headers: str, subject: str = "Réponse automatique : Lettre") -> bytes:
    """Somebody is away."""
    more = "".join(f"{one}\n" for one in headers)
    return _crlf(
        f"""From: {DOCTOR}
To: {US}
Subject: {_encoded(subject)}
In-Reply-To: {ORIGINAL}
Message-ID: <away1@medecin.example>
{more}Content-Type: text/plain; charset=UTF-8

Je suis en congés jusqu'au 15 mars.
"""
    )


def bounce(text: str, subject: str = "Message non remis", *, sender: str = "") -> bytes:
    """Free text, by a machine."""
    return _crlf(
        f"""Return-Path: <>
From: {sender or "MAILER-DAEMON@relay.example"}
To: {US}
Subject: {_encoded(subject)}
Message-ID: <bounce1@relay.example>
Content-Type: text/plain; charset=UTF-8
Content-Transfer-Encoding: 8bit

{text}
"""
    )


def human_reply() -> bytes:
    """A doctor's own answer: never a receipt."""
    return _crlf(
        f"""From: Dr Témoin <{DOCTOR}>
To: {US}
Subject: Re: Lettre de liaison
In-Reply-To: {ORIGINAL}
References: {ORIGINAL}
Message-ID: <reply1@medecin.example>
Content-Type: text/plain; charset=UTF-8

Bonjour, je ne suis pas l'adresse invalide, et le message m'a bien été remis. Merci.
"""
    )


def _encoded(text: str) -> str:
    from email.header import Header

    return Header(text, "utf-8").encode(linesep="\n") if not text.isascii() else text
