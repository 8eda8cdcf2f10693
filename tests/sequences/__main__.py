"""``make modeltest``: random sequences of messages, wills, clock steps and crashes.

Sequence N of a seed is always the same one. Each process takes every JOBS-th.
"""

import argparse
import asyncio
import gc
import logging
import random
import sys
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor, as_completed

import structlog

from tests.sequences.house import BrokenRuleError
from tests.sequences.play import play, shrunk
from tests.sequences.steps import Step, any_sequence

_SHARE = 250  # sequences a task of a process
PRINTED_ONE_IN = 200


def sequence(seed: int, number: int) -> list[Step]:
    """One sequence."""
    return any_sequence(random.Random(f"{seed}/{number}"))


def share(
    seed: int, first: int, last: int
) -> tuple[int, Counter[str], list[tuple[int, str, list[Step]]]]:
    """Carry some out; gives how many, what they reached, and each that broke a sentence, shrunk."""
    quiet()
    gc.set_threshold(50_000, 20, 100)
    reached: Counter[str] = Counter()
    broken: list[tuple[int, str, list[Step]]] = []
    with asyncio.Runner() as runner:
        for number in range(first, last):
            steps = sequence(seed, number)
            try:
                seen = runner.run(play(steps, printed=number % PRINTED_ONE_IN == 0))
            except BrokenRuleError as rule:
                broken.append((number, str(rule), steps))
            except Exception as error:
                broken.append((number, f"{type(error).__name__}: {error}", steps))
            else:
                reached.update(seen.keys())
    wrong = [(number, rule, shrunk(steps)) for number, rule, steps in broken]
    return last - first, reached, wrong


def quiet() -> None:
    """No log: it would cost more than the decisions."""
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL),
        cache_logger_on_first_use=False,
    )


def main() -> int:
    """Carry all out; 0 when no sentence was broken."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--sequences", type=int, default=100_000)
    options.add_argument("--seed", type=int, default=None)
    options.add_argument("--jobs", type=int, default=1)
    chosen = options.parse_args()
    seed = chosen.seed if chosen.seed is not None else random.randrange(10**6)
    print(f"{chosen.sequences} sequences, seed {seed}, {chosen.jobs} processes", flush=True)
    begun, done = time.monotonic(), 0
    reached: Counter[str] = Counter()
    wrong: list[tuple[int, str, list[Step]]] = []
    with ProcessPoolExecutor(chosen.jobs) as pool:
        starts = range(0, chosen.sequences, _SHARE)
        shares = [
            pool.submit(share, seed, first, min(first + _SHARE, chosen.sequences))
            for first in starts
        ]
        for place, one in enumerate(as_completed(shares), 1):
            count, seen, broken = one.result()
            done += count
            reached.update(seen)
            wrong += broken
            for number, sentence, steps in broken:
                print(f"\nsequence {number}: {sentence}")
                print("".join(f"    {step!r},\n" for step in steps), flush=True)
            if place % 40 == 0:
                spent = time.monotonic() - begun
                print(f"{done} done in {spent:.0f} s, {len(wrong)} wrong", flush=True)
    spent = time.monotonic() - begun
    print(f"\n{done} sequences in {spent:.0f} s ({1000 * spent / done:.1f} ms each), seed {seed}")
    print("sequences that reached:")
    for name, count in sorted(reached.items(), key=lambda pair: -pair[1]):
        print(f"  {count:7}  {name}")
    print(f"{len(wrong)} sequences broke a sentence" if wrong else "no sentence was broken")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
