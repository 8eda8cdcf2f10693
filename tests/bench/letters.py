"""What a letter costs: text, PDF/A-1a, CDA, XDM and mail, in CPU time of one process.

Every letter differs in its patient, so nothing is answered from a cache. The mail alone is
measured beside the standard library's EmailMessage, which is given the same parts.
"""

import time
from collections.abc import Callable
from email.message import EmailMessage
from email.policy import SMTP
from functools import partial
from statistics import median

from engine.compose.mail import Renderings, build
from engine.compose.render import Rendered, render
from engine.model.letter import Letter, LetterKind
from tests.bench.row import Row
from tests.support.examples import whole_letter
from tests.support.letters import (
    FACE,
    PATIENT,
    PSYCHIATRIC,
    SOMATIC,
    letter,
    second,
    shop,
    summary,
)

PEER = "email.message.EmailMessage.as_bytes"
LETTERS = 150
FULLEST = 30
MAILS = 60


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
    ]


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


def _resident() -> float:
    with open("/proc/self/statm", "rb") as file:
        return int(file.read().split()[1]) * 4 / 1024
