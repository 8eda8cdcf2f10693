"""`make demo`: the real daemon, a day of messages through real sockets, and what came of it."""

import subprocess
import sys
import time
from datetime import date
from email import policy
from email.parser import BytesParser
from pathlib import Path
from typing import Final

from engine.demo.day import Day, Expected, load_day
from engine.demo.outcome import (
    Kept,
    Outcome,
    doubled,
    faults,
    kept_mails,
    parts_of,
    reason_of,
    strangers,
)
from engine.demo.player import NoAnswerError, Sender, play
from engine.demo.stage import ROOT, Stage
from engine.model.flow import Delivery, DeliveryState

LONGEST: Final = 55.0


def main(folder: Path | None = None) -> int:
    """Play the day; 0 only if every patient had exactly the expected outcome."""
    folder = folder or ROOT / "var/demo"
    stage = Stage.open(folder)
    try:
        return _run(stage)
    finally:
        stage.close()


def _run(stage: Stage) -> int:
    begun = time.monotonic()
    ready = stage.start()
    day = load_day(ROOT / "fixtures/day", date.today())
    sent = sum(1 for step in day.steps if step.send or step.drop)
    print(
        f"Relais is ready after {ready:.2f} s; playing {sent} messages about "
        f"{len(day.patients)} patients",
        flush=True,
    )
    sender = Sender(port=stage.port, deadline=begun + LONGEST, answers=[])
    try:
        play(day, sender, inbox=stage.folder / "inbox", agree=stage.agree, reached=stage.reached)
    except NoAnswerError:
        print("The day could not be played to its end: see the log.")
    sender.close()
    wait_until_settled(stage, begun + LONGEST)
    memory = stage.peak_memory()
    status = stage.stop()
    outcomes, kept = look(stage, day)
    wrong = tell(day, outcomes, kept)
    papers = extract_papers(kept, stage.folder / "papers")
    print()
    print(f"mails      {stage.folder / 'mails'} (a folder a mailbox), {stage.folder / 'gateway'}")
    print(f"papers     {papers} PDFs in {stage.folder / 'papers'}")
    print(f"log        {stage.folder / 'relais.log'}")
    print(f"story      relais --config {stage.config} why {day.patients[1].ipp}")
    print(
        f"answers    {_answers(sender.answers)}; memory at most {memory} MiB; "
        f"{time.monotonic() - begun:.0f} s in all"
    )
    verified = _audit(stage)
    if status != 0:
        wrong.append(f"the daemon ended with status {status}")
    for line in wrong:
        print(f"NOT AS EXPECTED  {line}")
    good = not wrong and verified
    print("every patient of the day had exactly the expected outcome" if good else "FAILED")
    return 0 if good else 1


def wait_until_settled(stage: Stage, deadline: float) -> bool:
    """Wait until nothing is left to do, twice in a row, or the deadline."""
    calm = 0
    while time.monotonic() < deadline:
        calm = calm + 1 if stage.settled() and not _files_wait(stage) else 0
        if calm >= 3:
            return True
        time.sleep(0.3)
    return False


def _files_wait(stage: Stage) -> bool:
    return any((stage.folder / "inbox").glob("*.hl7"))


def look(stage: Stage, day: Day) -> tuple[list[Outcome], Kept]:
    """Read what came of the day."""
    outcomes = stage.outcomes([one.ipp for one in day.patients])
    return outcomes, kept_mails([stage.folder / "mails", stage.folder / "gateway"])


def judge(day: Day, outcomes: list[Outcome], kept: Kept) -> list[str]:
    """Everything that is not exactly as expected."""
    by_ipp = {one.ipp: one for one in outcomes}
    wrong = [
        f"{one.ipp}: {fault}"
        for one in day.patients
        for fault in faults(one, by_ipp.get(one.ipp, Outcome(one.ipp, {}, (), ())), kept)
    ]
    wrong += [f"a mail that no letter explains: {name}" for name in strangers(outcomes, kept)]
    wrong += [f"the same letter under two Message-IDs: {name}" for name in doubled(outcomes, kept)]
    return wrong


def tell(day: Day, outcomes: list[Outcome], kept: Kept) -> list[str]:
    """Print one line a patient; give what is not as expected."""
    by_ipp = {one.ipp: one for one in outcomes}
    print()
    for expected in day.patients:
        outcome = by_ipp.get(expected.ipp)
        print(f"{expected.ipp}  {expected.story}")
        for line in _lines(expected, outcome, kept):
            print(f"          {line}")
    return judge(day, outcomes, kept)


def _lines(expected: Expected, outcome: Outcome | None, kept: Kept) -> list[str]:
    if outcome is None:
        return ["nothing is known of this patient"]
    lines = [
        _mail_line(one, kept) for one in outcome.deliveries if one.state is DeliveryState.RELAYED
    ]
    if not lines:
        lines = [f"nothing sent: {_why(expected, outcome)}"]
    if outcome.tasks:
        lines.append(f"a person must act: {', '.join(outcome.tasks)}")
    return lines


def _mail_line(one: Delivery, kept: Kept) -> str:
    copies = kept.by_message_id.get(one.message_id, [])
    parts = " + ".join(parts_of(copies[0])) if copies else "not found in any mailbox"
    again = f" ({len(copies)} copies, one Message-ID)" if len(copies) > 1 else ""
    face = " (discreet)" if one.discreet else ""
    return f"sent {one.letter_kind} v{one.version}{face} to {one.intended}: {parts}{again}"


def _why(expected: Expected, outcome: Outcome) -> str:
    if not outcome.verdicts:
        return "no stay: cancelled, or a test message"
    # Where nothing was said, the thread of the last event tells why.
    ended = outcome.verdicts.get("exit", "")
    thread = "arrival" if ended.endswith("stay-goes-on") else "exit"
    return reason_of(outcome.verdicts.get(thread, next(iter(expected.verdicts.values()))))


def extract_papers(kept: Kept, folder: Path) -> int:
    """Write the PDFs of the mails side by side; gives how many."""
    folder.mkdir(parents=True, exist_ok=True)
    count = 0
    for paths in kept.by_message_id.values():
        message = BytesParser(policy=policy.default).parsebytes(paths[0].read_bytes())
        for part in message.walk():
            if part.get_content_type() == "application/pdf":
                data = part.get_payload(decode=True)
                assert isinstance(data, bytes)
                (folder / f"{paths[0].stem}.pdf").write_bytes(data)
                count += 1
    return count


def _answers(codes: list[str]) -> str:
    return ", ".join(f"{codes.count(code)} {code}" for code in sorted(set(codes)))


def _audit(stage: Stage) -> bool:
    done = subprocess.run(  # noqa: S603 - our own interpreter and module
        [sys.executable, "-m", "engine.cli", "--config", str(stage.config), "audit", "verify"],
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=False,
    )
    print(f"audit      {(done.stdout or done.stderr).strip()}")
    return done.returncode == 0
