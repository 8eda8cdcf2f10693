"""What an SMTP peer says, or fails to say, and what that means for one delivery.

This module alone decides what a reply means. It keeps no text of the peer: a reply may quote an
address, and an address is a person. What remains is the code, the enhanced status and a queue id.
"""

import re
from enum import StrEnum
from typing import Final, assert_never

from engine.model.flow import Accepted, Cause, Deferred, Outcome, Rejected, Unknown


class Stage(StrEnum):
    """The steps of one mail over SMTP, in their order (RFC 5321 section 3, RFC 3207)."""

    CONNECT = "connect"  # TCP, and TLS when it comes from the start
    GREETING = "greeting"
    EHLO = "ehlo"  # the first one, before STARTTLS
    TLS = "tls"  # STARTTLS and the handshake
    EHLO_SECURED = "ehlo-secured"  # the one that counts, once TLS stands
    AUTH = "auth"
    MAIL = "mail"
    RCPT = "rcpt"
    DATA = "data"  # the command and the body, up to the final dot
    FINAL_DOT = "final-dot"  # from the moment the final dot may have left
    QUIT = "quit"


class Mishap(StrEnum):
    """Everything that can happen in place of a reply."""

    NO_CONNECTION = "no-connection"  # refused, unreachable, name unknown, no answer in time
    NO_TLS = "no-tls"  # STARTTLS not offered, handshake or certificate failure
    NO_METHOD = "no-method"  # the relay offers no login method that we know
    SILENCE = "silence"  # no reply in time
    DROP = "drop"  # the connection fell
    GARBAGE = "garbage"  # bytes that are no SMTP reply


_BEFORE_ENVELOPE: Final = frozenset({Stage.CONNECT, Stage.GREETING, Stage.EHLO, Stage.EHLO_SECURED})

# RFC 3463 section 2: class.subject.detail, each of at most three digits.
_ENHANCED: Final = re.compile(r"\s*([245]\.\d{1,3}\.\d{1,3})(?!\S)", re.ASCII)

# "queued as 4XyZ…" (Postfix), "id=1abCDe-0003xY-2B" (Exim), "queued mail id" forms are left out.
# A digit is demanded, and no "@" or "." can pass: a name or an address never looks like this.
_QUEUE_ID: Final = re.compile(
    r"(?:\bqueued as\s+|\bid=)(?=[A-Za-z-]*\d)([A-Za-z0-9-]{6,40})(?![\w.@-])", re.ASCII
)

# Replies that mean "we do not know you", wherever they come (RFC 4954 section 6).
_LOGIN_CODES: Final = frozenset({530, 534, 535, 538})


def enhanced_status(code: int, text: str) -> str | None:
    """The enhanced status code at the head of a reply's text, or None.

    RFC 2034 section 4: its class must be that of the reply code; one that contradicts it is not
    believed.
    """
    found = _ENHANCED.match(text)
    if found is None or found[1][0] != str(code)[:1]:
        return None
    return found[1]


def scrubbed(code: int, text: str) -> str:
    """What may be kept of a reply: code, enhanced status, queue id; never the peer's own words."""
    status = enhanced_status(code, text)
    queue = _QUEUE_ID.search(text)
    parts = [str(code), status or "", f"queued as {queue[1]}" if queue else ""]
    return " ".join(part for part in parts if part)


def outcome_of_reply(stage: Stage, code: int, text: str) -> Outcome | None:
    """What a reply means at a stage; None: go on with the next command.

    Total: any integer and any text at any stage get an answer. ``code`` is the three-digit reply
    code (RFC 5321 section 4.2), ``text`` the rest of the reply.
    """
    status = enhanced_status(code, text)
    match stage:
        case Stage.QUIT:
            return None  # the mail is settled already, whatever the relay says now
        case Stage.FINAL_DOT if 200 <= code <= 299:
            return Accepted(reply=scrubbed(code, text))
        case Stage.DATA if code == 354:
            return None
        case Stage.DATA if 200 <= code <= 399:
            return Deferred(Cause.REFUSED, code, status)  # out of step: no body may follow
        case _ if 200 <= code <= 299:
            return None
        case _ if 400 <= code <= 499:
            return _transient(stage, code, status)
        case _ if 500 <= code <= 599:
            return _permanent(stage, code, status)
        case _:
            return outcome_of_mishap(stage, Mishap.GARBAGE)


def outcome_of_mishap(stage: Stage, mishap: Mishap) -> Outcome:
    """What it means that no reply came. Total, as `outcome_of_reply`."""
    if stage is Stage.FINAL_DOT:
        # RFC 5321 section 4.5.3.2.6: the peer may have taken the mail and its answer is lost.
        return Unknown()
    match mishap:
        case Mishap.NO_CONNECTION:
            return Deferred(Cause.CONNECT)
        case Mishap.NO_TLS:
            return Deferred(Cause.TLS)
        case Mishap.NO_METHOD:
            return Deferred(Cause.AUTH)
        case Mishap.SILENCE | Mishap.DROP | Mishap.GARBAGE:
            if stage is Stage.TLS:
                return Deferred(Cause.TLS)
            if stage is Stage.CONNECT:
                return Deferred(Cause.CONNECT)
            if stage in _BEFORE_ENVELOPE:
                return Deferred(Cause.GREETING)
            return Deferred(Cause.DROPPED)
        case _:
            assert_never(mishap)


def _transient(stage: Stage, code: int, status: str | None) -> Outcome:
    """4yz: not taken; the same request may succeed later (RFC 5321 section 4.2.1)."""
    match stage:
        case Stage.CONNECT | Stage.GREETING | Stage.EHLO:
            return Deferred(Cause.GREETING, code, status)
        case Stage.TLS:
            return Deferred(Cause.TLS, code, status)
        case Stage.EHLO_SECURED:
            return _refused_once_secured(code, status)
        case Stage.AUTH:
            return Deferred(Cause.AUTH, code, status)
        case Stage.MAIL | Stage.RCPT | Stage.DATA | Stage.FINAL_DOT | Stage.QUIT:
            return Deferred(Cause.BUSY, code, status)
        case _:
            assert_never(stage)


def _permanent(stage: Stage, code: int, status: str | None) -> Outcome:
    """5yz. Before the envelope it speaks of us, not of the mail: the mail waits, and its age
    brings a person. From MAIL on it speaks of this mail."""
    match stage:
        case Stage.CONNECT | Stage.GREETING | Stage.EHLO:
            return Deferred(Cause.GREETING, code, status)
        case Stage.TLS:
            return Deferred(Cause.TLS, code, status)
        case Stage.EHLO_SECURED:
            return _refused_once_secured(code, status)
        case Stage.AUTH:
            return Deferred(Cause.AUTH, code, status)
        case _ if code in _LOGIN_CODES:
            return Deferred(Cause.AUTH, code, status)
        case _ if code == 503:  # bad sequence: a session out of step, not this mail's fault
            return Deferred(Cause.REFUSED, code, status)
        case Stage.RCPT:
            too_large = status in {"5.3.4", "5.2.3"}
            return Rejected(Cause.SIZE if too_large else Cause.MAILBOX, code, status)
        case Stage.MAIL | Stage.DATA | Stage.FINAL_DOT | Stage.QUIT:
            if status == "5.2.2":  # the box is full, said late
                return Rejected(Cause.MAILBOX, code, status)
            # RFC 1870 section 6.1: 552 when the declared size is over the limit; RFC 3463: X.3.4
            # "message too big for system", X.2.3 "message length exceeds administrative limit".
            too_large = code in {523, 552} or status in {"5.3.4", "5.2.3"}
            return Rejected(Cause.SIZE if too_large else Cause.REFUSED, code, status)
        case _:
            assert_never(stage)


def _refused_once_secured(code: int, status: str | None) -> Outcome:
    # A relay that wants a client certificate completes the handshake, then answers 421 or 554 to
    # EHLO. That is our configuration, unless the reply says the relay itself is unwell (X.3.Z,
    # RFC 3463 section 3.4).
    unwell = status is not None and status.split(".")[1] == "3"
    return Deferred(Cause.GREETING if unwell else Cause.AUTH, code, status)
