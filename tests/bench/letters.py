"""What a letter costs: text, PDF/A-1a, CDA, XDM and mail, in CPU time of one process.

Every letter differs in its patient, so nothing is answered from a cache. The mail alone is
measured beside the standard library's EmailMessage, which is given the same parts. The whole way
is the dispatcher's and the worker's: made, judged as it would leave, read by the firewall.
"""

import os
import time
from collections.abc import Callable
from email.message import EmailMessage
from email.policy import SMTP
from functools import partial
from pathlib import Path
from statistics import median

from engine.compose.mail import Renderings, build
from engine.compose.render import Rendered, render
from engine.model.letter import Letter, LetterKind
from engine.printer.apart import Printer
from engine.privacy.report import Known, OwnTerms
from engine.privacy.rules import Rules
from engine.privacy.rules import load as load_rules
from engine.privacy.search import search
from engine.verify import check
from tests.bench.row import Row
from tests.support.examples import whole_letter
from tests.support.letters import (
    DOCTOR,
    FACE,
    NEUTRAL_FACE,
    PATIENT,
    PSYCHIATRIC,
    ROOT,
    SOMATIC,
    UNIT,
    discreet,
    letter,
    second,
    shop,
    summary,
)

PEER = "email.message.EmailMessage.as_bytes"
LETTERS = 150
FULLEST = 30
MAILS = 60
WHOLE_WAY = 60  # the printing process ends by itself after 300
OWN = OwnTerms(
    names=(UNIT.unit,),
    addresses=UNIT.address,
    mailboxes=(UNIT.secure_address, FACE.sender),
    phones=("03 00 00 00 01", "03 00 00 00 02"),
)


def run() -> list[Row]:
    cases = (
        letter(),
        letter(LetterKind.EXIT_LETTER),
        second(summary=summary(SOMATIC, PSYCHIATRIC)),
    )
    for case in cases:
        render(case, shop(), FACE)  # fonts are read, templates warm
    before = _resident()
    letters = [_nth(cases[n % 3], n) for n in range(LETTERS)]
    times = [_cpu(partial(render, one, shop(), FACE)) for one in letters]
    grown = _resident() - before
    ours, peers = _mails(cases[1])
    fullest = [_cpu(partial(render, _nth(whole_letter(), n), shop(), FACE)) for n in range(FULLEST)]
    return [
        Row("letter: text, PDF/A, CDA, XDM, mail", median(times) * 1000, "ms CPU", target="< 25"),
        Row("the same, with every item there is", median(fullest) * 1000, "ms CPU", target="< 100"),
        Row(f"memory grown over {LETTERS} letters", grown, "MiB"),
        Row("mail joined from its parts", 1 / ours, "mails/s CPU", PEER, 1 / peers),
        *_whole_way(),
    ]


def _whole_way() -> list[Row]:
    """Letter, PDF, CDA level 3, XDM, mail; pre-flight; firewall: letters a second on one core."""
    rules = load_rules(ROOT / "mappings" / "privacy")
    typical = letter(LetterKind.EXIT_LETTER)
    cases = {
        "whole way, pre-flight and firewall included": typical,
        "the same, with every item there is": whole_letter(),
        "the same, with every item, discreet": discreet(whole_letter()),
    }
    rows, printer = [], Printer()
    try:
        for name, case in cases.items():
            _leave(case, rules, printer)
            begun = _cpu_of_all()
            for n in range(WHOLE_WAY):
                _leave(_nth(case, n), rules, printer)
            rate = WHOLE_WAY / (_cpu_of_all() - begun)
            rows.append(Row(name, rate, "letters/s CPU", target="> 10"))
    finally:
        printer.close()
    return rows


def _leave(of: Letter, rules: Rules, printer: Printer) -> None:
    face = NEUTRAL_FACE if of.discreet else FACE
    mime = render(of, shop(), face, typeset=printer).mime
    if check(f"delivery {of.delivery}", mime, leaving=True).grave:
        raise AssertionError("the pre-flight refuses a letter of the bench")
    known = Known(
        people=(f"{of.patient.birth_family} {of.patient.birth_given}", f"{DOCTOR.family}"),
        addresses=(DOCTOR.place,),
    )
    if search(mime, rules, discreet=of.discreet, own=OWN, known=known):
        raise AssertionError("the firewall holds a letter of the bench")


def _nth(of: Letter, n: int) -> Letter:
    patient = PATIENT.model_copy(update={"birth_family": f"ESSAI-{n}", "ipp": f"{n:08}"})
    return of.model_copy(update={"delivery": f"bench{n}", "patient": patient})


def _mails(of: Letter) -> tuple[float, float]:
    """CPU seconds of one mail, ours and the peer's, in turns."""
    made = render(of, shop(), FACE)
    parts = Renderings("Bonjour.\n", made.files["letter.pdf"], xdm=made.files["ihe_xdm.zip"])
    ours, peers = [], []
    for _ in range(MAILS):
        ours.append(_cpu(lambda: build(of, parts, shop(), FACE)))
        peers.append(_cpu(lambda: _peer(made)))
    return median(ours), median(peers)


def _peer(made: Rendered) -> bytes:
    mail = EmailMessage(policy=SMTP)
    mail["From"], mail["To"], mail["Subject"] = FACE.sender, FACE.address, "XDM/1.0/DDM+Essai"
    mail.set_content("Bonjour.\n")
    for kind, name in (("zip", "ihe_xdm.zip"), ("pdf", "letter.pdf")):
        mail.add_attachment(made.files[name], "application", kind, filename=name)
    return mail.as_bytes()


def _cpu(act: Callable[[], object]) -> float:
    start = time.process_time()
    act()
    return time.process_time() - start


def _cpu_of_all() -> float:
    """CPU seconds of this process and of those that it started and that live, 10 ms each."""
    children = Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()
    ticks = 0
    for one in children:
        fields = Path(f"/proc/{one}/stat").read_text().rpartition(")")[2].split()
        ticks += int(fields[11]) + int(fields[12])  # proc(5): utime, stime
    return time.process_time() + ticks / os.sysconf("SC_CLK_TCK")


def _resident() -> float:
    with open("/proc/self/statm", "rb") as file:
        return int(file.read().split()[1]) * 4 / 1024
