"""A light MLLP sender in its own process: ``… PORT CONNECTIONS COUNT``.

Each connection sends a message, waits for its ACK, sends the next. Prints one JSON object:
seconds, messages answered AA with the right MSH-10, and the latencies (ms) at 50 and 99 %.
"""

import json
import select
import socket
import sys
import time
from datetime import date, timedelta


def field_text(name: str, values: dict[int, str]) -> str:
    """A segment from its fields by number."""
    return "|".join([name, *(values.get(n, "") for n in range(1, max(values) + 1))])


PS = "ASIP-SANTE-PS&1.2.250.1.71.4.2.1&ISO"
DOCTORS = (
    f"991000017^VERDIER^PAULINE^^^DR^^^{PS}^L^^^ADELI~10000000017^VERDIER^PAULINE^^^DR^^^{PS}^L"
    "^^^RPPS",
    f"991000025^LAGARDE^OLIVIER^^^DR^^^{PS}^L^^^ADELI~10000000025^LAGARDE^OLIVIER^^^DR^^^{PS}^L"
    "^^^RPPS",
)
# An admission as the French extension of PAM has it, as full as the vendors' and national examples
# are (about 1.7 KB, 13 segments). Invented people only.
SEGMENTS = (
    "MSH|^~\\&|DPI|CHU|RELAIS|CHU|20260105093000||ADT^A01^ADT_A01|{number}|P|2.5^FRA^2.11|||||FRA|"
    "8859/15|FR||2.11^IHE_FRANCE-2.11-PAM",
    "EVN||20260105093000|||AGENT^MARTIN^ANNE^^^^^^CHU&1.2.250.1.999&ISO|20260105093000",
    field_text(
        "PID",
        {
            1: "1",
            3: "{ipp}^^^CHU&1.2.250.1.999.1&ISO^PI~180047512345678^^^ASIP-SANTE-INS-NIR&"
            "1.2.250.1.213.1.4.10&ISO^INS",
            5: "{family}^ZOÉ^ZOÉ MARIE^^MME^^L~ROUANET{family}^ZOÉ^^^MME^^D",
            7: "{born:%Y%m%d}",
            8: "F",
            11: "12 RUE DES ESSAIS^^LILLE^^59000^FRA^H~^^LILLE^^59350^FRA^BDL^^59350",
            13: "^PRN^PH^^^^^^^^^0300000000",
            18: "{dossier}^^^CHU&1.2.250.1.999.2&ISO^AN",
            25: "N",
            26: "FRA^^ISO 3166 alpha-3",
            30: "N",
            32: "VALI",
            34: "590000000^^M",
        },
    ),
    "PD1||||||||||||N",
    f"ROL|1|UC|ODRP|{DOCTORS[0]}|20260105093000||||||1 PLACE DU TEST^^LILLE^^59000",
    field_text(
        "PV1",
        {
            1: "1",
            2: "I",
            3: "7700^101^1^CHU&590000000&M",
            4: "R",
            7: DOCTORS[1],
            8: DOCTORS[0],
            14: "7",
            19: "{visit}^^^CHU&1.2.250.1.999.3&ISO^VN",
            44: "20260105093000",
            51: "V",
        },
    ),
    field_text("PV2", {7: "CS", 9: "20260112", 22: "N", 38: "1"}),
    "ZBE|{visit}1^CHU^1.2.250.1.999.4^ISO|20260105093000||INSERT|N||MEDECINE^^^^^CHU&590000000&M^UF"
    "^^^7700|MEDECINE^^^^^CHU&590000000&M^UF^^^7700|HMS",
    "ZFA|ACTIF|20250101||N|N|N|N|N|INO|20250101|NA",
    "ZFP|1|21",
    "ZFV|590000000^20260105||||||{dossier}",
    "ZFM|8||1",
    f"ROL|2|UC|AT|{DOCTORS[1]}|20260105093000|20991231235959",
)
SYLLABLES = [
    "BA",
    "CHE",
    "DI",
    "FOU",
    "GRAN",
    "HO",
    "JU",
    "KER",
    "LE",
    "MAR",
    "NO",
    "PIN",
    "QUI",
    "RO",
    "SAN",
    "TEL",
    "VI",
]
SILENCE = 20  # seconds


def message(number: int) -> bytes:
    """An admission with its own numbers, framed."""
    text = "\r".join(SEGMENTS) + "\r"
    filled = text.format(
        number=number,
        ipp=1_000_000 + number,
        visit=5_000_000 + number,
        dossier=9_000_000 + number,
        # Other people, as a hospital has: a name of four syllables, one of 27,000 birth dates.
        family="".join(SYLLABLES[number * 7919 // 17**n % 17] for n in range(4)),
        born=date(1932, 1, 1) + timedelta(days=number * 6007 % 27_000),
    )
    return b"\x0b" + filled.encode("iso8859-15") + b"\x1c\r"


class Sender:
    """One connection."""

    def __init__(self, port: int, numbers: range) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.messages = [(b"|AA|%d" % number, message(number)) for number in numbers]
        self.messages.reverse()
        self.received = b""
        self.sent_at = 0.0
        self.expected = b""

    def send(self) -> bool:
        """Send the next message; False when there is none."""
        if not self.messages:
            return False
        self.expected, block = self.messages.pop()
        self.received = b""
        self.sent_at = time.perf_counter()
        self.socket.sendall(block)
        return True


def main(port: int, connections: int, count: int) -> None:
    share = count // connections
    senders = {}
    poll = select.epoll()
    for n in range(connections):
        sender = Sender(port, range(n * share, (n + 1) * share))
        senders[sender.socket.fileno()] = sender
        poll.register(sender.socket.fileno(), select.EPOLLIN)
    latencies: list[float] = []
    accepted = 0
    start = time.perf_counter()
    busy = sum(sender.send() for sender in senders.values())
    while busy:
        ready = poll.poll(SILENCE)
        if not ready:
            raise SystemExit(f"no answer for {SILENCE} s")
        for fd, _ in ready:
            sender = senders[fd]
            chunk = sender.socket.recv(65536)
            if not chunk:
                raise SystemExit("the server closed a connection")
            sender.received += chunk
            if not sender.received.endswith(b"\x1c\r"):
                continue
            latencies.append(time.perf_counter() - sender.sent_at)
            accepted += sender.expected in sender.received
            busy -= not sender.send()
    seconds = time.perf_counter() - start
    latencies.sort()
    print(
        json.dumps(
            {
                "seconds": seconds,
                "accepted": accepted,
                "p50": latencies[len(latencies) // 2] * 1000,
                "p99": latencies[len(latencies) * 99 // 100] * 1000,
            }
        )
    )


if __name__ == "__main__":
    main(*(int(argument) for argument in sys.argv[1:]))
