"""Field addresses."""

import pytest

from engine.mapping.path import Inner, Path
from engine.wire.hl7 import read

MESSAGE = read(
    b"MSH|^~\\&|A|B|C|D|20260302||ADT^A01^ADT_A01|1|P|2.5\r"
    b"PID|||1^^^X&1.2&ISO^PI~2^^^Y&3.4&ISO^INS||DUPONT^JEAN^^^^^L~DURAND^^^^^^D\r"
    b"ROL||UC|AT|9^B^C^^^^^^A^D^^^RPPS\r"
    b"ROL||UC|ODRP|7^B^C^^^^^^A^D^^^ADELI~8^B^C^^^^^^A^D^^^RPPS\r"
    b"ZBE|||||||L^^^^^^UF^^^5101\r"
)


@pytest.mark.parametrize(
    ("address", "value"),
    [
        ("PID-3", "1"),
        ("PID-3[5=INS].1", "2"),
        ("PID-3[5=INS].4.2", "3.4"),
        ("PID-3[4.2=1.2].1", "1"),
        ("PID-5[7=D].1", "DURAND"),
        ("ROL[3=ODRP]-4[13=RPPS].1", "8"),
        ("ZBE-7.10", "5101"),
        ("ZBE-12.3", ""),
        ("NK1-7", ""),
    ],
)
def test_an_address_finds_its_value(address: str, value: str) -> None:
    assert Path.parse(address).first(MESSAGE) == value


@pytest.mark.parametrize(
    "text", ["", "PID", "PID-", "PID-x", "pid-3", "PID-3.1.2.3", "PID-3[5].1", "PID-3[5=PI", "-3"]
)
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="address"):
        Path.parse(text)


def test_an_inner_address_is_read_within_its_segment() -> None:
    rol = MESSAGE.all("ROL")[1]
    assert Inner.parse("4[13=ADELI].1").first(rol) == "7"
