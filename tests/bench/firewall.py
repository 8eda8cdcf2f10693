"""What it costs to read a mail before it leaves, and what the rules take of memory.

No peer is known: a filter of words on a mail server neither opens a zip nor reads a PDF. The
rules are loaded in an interpreter of their own, so that nothing else is counted.
"""

import subprocess
import sys
import time
from statistics import median

from engine.compose.mail import ChannelFace
from engine.compose.render import render
from engine.model.letter import Letter
from engine.privacy.report import Known, OwnTerms
from engine.privacy.rules import load
from engine.privacy.search import search
from tests.bench.row import Row
from tests.support.examples import whole_letter
from tests.support.letters import (
    FACE,
    HPRIM_FACE,
    NEUTRAL_FACE,
    ROOT,
    discreet,
    letter,
    shop,
)

TIMES = 40
RULES = ROOT / "mappings" / "privacy"
_LOADED = """
import gc, sys
from pathlib import Path
from engine.privacy.search import search
from engine.privacy.rules import load

def resident():
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096

before = resident()
rules = load(Path(sys.argv[1]))
gc.collect()
print(resident() - before)
"""


def run() -> list[Row]:
    rules = load(RULES)

    def cost(of: Letter, face: ChannelFace, *, told: bool) -> float:
        mime = render(of, shop(), face).mime
        times = []
        for _ in range(TIMES):
            start = time.process_time()
            search(mime, rules, discreet=not told, own=OwnTerms(), known=Known())
            times.append(time.process_time() - start)
        return median(times) * 1000

    taken = subprocess.run(
        [sys.executable, "-c", _LOADED, str(RULES)], capture_output=True, check=True, cwd=ROOT
    ).stdout
    return [
        Row("firewall: an open letter", cost(letter(), FACE, told=True), "ms CPU", target="< 20"),
        Row("a discreet one", cost(discreet(letter()), NEUTRAL_FACE, told=False), "ms CPU"),
        Row("an HPRIM one", cost(letter(), HPRIM_FACE, told=True), "ms CPU"),
        Row("a letter with every item there is", cost(whole_letter(), FACE, told=True), "ms CPU"),
        Row("memory of its rules", int(taken) / 2**20, "MiB", target="< 5"),
    ]
