"""Files that somebody has on disk, judged without a daemon, a store or a configuration."""

import os
import stat
from pathlib import Path
from typing import Any, Final

from engine.model.errors import OperationError
from engine.verify import check
from engine.verify.check import MOST_BYTES

_EFFECT: Final = "the file was not judged"


def judge(file: Path, *, leaving: bool) -> dict[str, Any]:
    """One file as plain values: what it is, and every finding. Raises OperationError."""
    try:
        # Without O_NONBLOCK, opening a pipe waits for somebody to write into it.
        with open(os.open(file, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as opened:
            regular = stat.S_ISREG(os.fstat(opened.fileno()).st_mode)
            data = opened.read(MOST_BYTES + 1) if regular else b""
    except OSError as error:
        raise OperationError(
            what=f"The file cannot be read: {(error.strerror or '').lower()}.",
            where=str(file),
            effect=_EFFECT,
            remedy="give the path of a file that you may read",
        ) from None
    if not regular:
        raise OperationError(
            what="This is no regular file.",
            where=str(file),
            effect=_EFFECT,
            remedy="write what it gives into a file, and give the path of that",
        )
    report = check(str(file), data, leaving=leaving)
    return {
        "file": report.name,
        "kind": report.kind.value,
        "what": report.what,
        "good": not report.grave,
        "findings": [
            {
                "rule": one.rule,
                "place": one.place,
                "sentence": one.sentence,
                "grave": one.grave,
            }
            for one in report.findings
        ],
    }
