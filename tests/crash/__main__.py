"""``make crashtest``: kill -9 at a random moment of the demo day, restart, and look.

Each run plays the whole day; at a moment drawn from its length the daemon is killed and started
again at once. Then every patient must have exactly the expected outcome, no letter may lie under
two Message-IDs, no mail may lack its letter, and the audit chain must hold.
"""

import argparse
import random
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from pathlib import Path

from engine.demo.day import load_day
from engine.demo.player import NoAnswerError, Sender, play
from engine.demo.run import judge, look, wait_until_settled
from engine.demo.stage import ROOT, Stage

LONGEST = 90.0


def one_run(number: int, moment: float, folder: Path) -> list[str]:
    """Play the day with a kill at `moment` seconds; give what went wrong."""
    stage = Stage.open(folder)
    try:
        stage.start()
        day = load_day(ROOT / "fixtures/day", date.today())
        begun = time.monotonic()
        sender = Sender(port=stage.port, deadline=begun + LONGEST, answers=[])
        wrong: list[str] = []

        def player() -> None:
            try:
                play(
                    day,
                    sender,
                    inbox=folder / "inbox",
                    agree=stage.agree,
                    reached=stage.reached,
                )
            except NoAnswerError:
                wrong.append("the day could not be played to its end")

        thread = threading.Thread(target=player)
        thread.start()
        time.sleep(max(0.0, begun + moment - time.monotonic()))
        stage.kill()
        stage.start()
        thread.join()
        if not wait_until_settled(stage, begun + LONGEST):
            wrong.append("the day never settled")
        status = stage.stop()
        if status != 0:
            wrong.append(f"the daemon ended with status {status}")
        wrong += judge(day, *look(stage, day))
        verified = subprocess.run(
            [sys.executable, "-m", "engine.cli", "--config", str(stage.config), "audit", "verify"],
            capture_output=True,
            text=True,
            cwd=ROOT,
            check=False,
        )
        if verified.returncode != 0:
            wrong.append((verified.stdout + verified.stderr).strip())
        return wrong
    finally:
        stage.close()


def main() -> int:
    """Run them, a few at a time; 0 when all went right."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--runs", type=int, default=50)
    options.add_argument("--seed", type=int, default=None)
    options.add_argument("--side-by-side", type=int, default=3)
    options.add_argument("--length", type=float, default=14.0, help="seconds that the day lasts")
    chosen = options.parse_args()
    seed = chosen.seed if chosen.seed is not None else random.randrange(10**6)
    moments = [random.Random(f"{seed}/{n}").uniform(0, chosen.length) for n in range(chosen.runs)]
    print(f"{chosen.runs} runs, seed {seed}")
    top = Path(tempfile.mkdtemp(prefix="relais-crash-"))

    def run(number: int) -> list[str]:
        wrong = one_run(number, moments[number], top / str(number))
        verdict = "as expected" if not wrong else "; ".join(wrong)
        print(f"run {number + 1:3}  killed at {moments[number]:5.2f} s  {verdict}", flush=True)
        if not wrong:
            shutil.rmtree(top / str(number), ignore_errors=True)
        return wrong

    with ThreadPoolExecutor(chosen.side_by_side) as pool:
        bad = sum(bool(wrong) for wrong in pool.map(run, range(chosen.runs)))
    print(f"{chosen.runs - bad} passed, {bad} failed" + (f"; kept in {top}" if bad else ""))
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
