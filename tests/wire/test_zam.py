"""Business receipts: each kind as the volet writes it, and no unsure one read as a success."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.wire import hl7
from engine.wire.hl7_errors import UnreadableError
from engine.wire.mdm import Ends
from engine.wire.zam import Zam, ZamKind, read_zam, smtp_error, write_zam

ENDS = Ends("RELAIS", "CH", "DPI", "CH", "P")
AT = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)
BOX = "paul.temoin@cabinet-exemple.mssante.fr"

# The example of the volet's guide, with invented people.
EXAMPLE = "\r".join(
    (
        "MSH|^~\\&|PFI-EX|CH-EXEMPLE|DPI-EX|CH-EXEMPLE|20261005143122||ZAM^Z02^ZAM_Z01|Z000045|T"
        "|2.6|||||FRA|UNICODE UTF-8|||2.1^CISIS_CDA_HL7_V2",
        "EVN||20261005143122",
        "OBX|1|CWE|ACK_RECEPTION_MSS^Accusé de réception MSSanté^AckMetierZAM|M000123"
        "|N^^expandedYes-NoIndicator||||||F",
        "OBX|2|XTN|DESTINATAIRE_MSS^Destinataire MSSanté^AckMetierZAM|810999999989"
        f"|^^X.400^{BOX}||||||F",
        "ERR|||207^Application error^messageErrorCondition|E|550^Boîte non disponible"
        "^SMTPERRORCODE",
        "",
    )
).encode()


def test_the_example_of_the_guide_is_read() -> None:
    assert read_zam(hl7.read(EXAMPLE)) == Zam(
        ZamKind.DELIVERY, "M000123", positive=False, address=BOX, code="550",
        words="Boîte non disponible",
    )  # fmt: skip


@pytest.mark.parametrize("positive", [True, False])
@pytest.mark.parametrize("kind", ZamKind)
def test_what_is_written_is_read_as_it_was(kind: ZamKind, positive: bool) -> None:
    zam = Zam(kind, "M1", positive=positive, address="" if kind is ZamKind.DMP else BOX)
    if not positive:
        zam = Zam(kind, "M1", positive=False, address=zam.address, code="550", words="refused")
    raw = write_zam(zam, "0123456789abcdef0123", AT, ENDS)
    message = hl7.read(raw)
    assert read_zam(message) == zam
    assert message.header.structure == "ZAM_Z01"
    assert (message.first("ERR") is None) is positive  # required when negative, and only then
    assert message.first("PID") is None
    assert len(message.all("OBX")) == (1 if kind is ZamKind.DMP else 2)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"|N^^", b"|X^^"),
        (b"|N^^", b"|^^"),
        (b"|M000123", b"|"),
        (b"ACK_RECEPTION_MSS", b"ACK_RECEPTION_DMP"),
        (b"ZAM^Z02", b"ZAM^Z09"),
        (b"ZAM^Z02", b"ADT^Z02"),
    ],
)
def test_a_receipt_that_does_not_say_of_what_or_how_it_ended_says_nothing(
    old: bytes, new: bytes
) -> None:
    assert read_zam(hl7.read(EXAMPLE.replace(old, new, 1))) is None


@given(st.binary(max_size=400))
def test_no_bytes_make_the_reader_raise(data: bytes) -> None:
    try:
        message = hl7.read(EXAMPLE[:120] + data)
    except UnreadableError:
        return
    read_zam(message)


@pytest.mark.parametrize(
    ("code", "status", "told"),
    [
        (550, "5.1.1", 550), (550, "5.1.2", 512), (552, "5.2.2", 552), (552, "5.3.4", 523),
        (550, "5.7.1", 550), (None, "5.7.1", 541), (535, None, 554), (None, None, 554),
        (451, "4.7.1", 451), (None, "4.9.9", 451), (421, None, 421), (None, "5.9.9", 554),
    ],
)  # fmt: skip
def test_each_refusal_has_a_code_of_the_national_table(
    code: int | None, status: str | None, told: int
) -> None:
    assert smtp_error(code, status) == told
