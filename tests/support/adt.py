"""Small messages in the form of the French extension of PAM. Invented people only."""

from pathlib import Path

import pytest

FIXTURES = Path(__file__).parents[2] / "fixtures"
# The national samples lie beside the repository, not in it.
SAMPLES = Path(__file__).parents[3] / "shared" / "samples" / "pam-fr"
SAMPLE_FILES = sorted(path for path in SAMPLES.glob("*.*7") if path.suffix in {".hl7", ".er7"})

needs_samples = pytest.mark.skipif(
    not SAMPLE_FILES, reason="the national samples are not beside this checkout"
)
each_sample = pytest.mark.parametrize(
    "sample",
    SAMPLE_FILES or [pytest.param(None, marks=needs_samples)],
    ids=lambda path: path.stem if path else "none",
)


def adt(
    event: str = "A01",
    number: str = "1",
    *,
    family: str = "MARTEL",
    charset: str = "UNICODE UTF-8",
    codec: str = "utf-8",
    msh: dict[int, str] | None = None,
) -> bytes:
    """An ADT with what admission requires. `msh` replaces fields of MSH by number."""
    header = dict(enumerate(("MSH", "|", "^~\\&", "DPI", "CHU", "RELAIS", "CHU")))
    header |= {7: "20260105093000", 9: f"ADT^{event}^ADT_A01", 10: number, 11: "P"}
    header |= {12: "2.5^FRA^2.11", 17: "FRA", 18: charset} | (msh or {})
    lines = (
        "|".join(["MSH", *(header.get(n, "") for n in range(2, 19))]),
        "EVN||20260105093000||||20260105093000",
        f"PID|1||0001^^^CHU&1.2.250.1.999.1&ISO^PI||{family}^ZOE^^^^^L||19800417|F",
        "PV1|1|I|7700^^^CHU||||||||||||||||5001^^^CHU^VN",
        "ZBE|m1^CHU|20260105093000||INSERT|N||^^^^^^UF^^^7700||HMS",
        "ZFA|||||||||NA",
    )
    return ("\r".join(lines) + "\r").encode(codec)
