"""A light MLLP sender in its own process: ``… PORT CONNECTIONS COUNT``.

Each connection sends a message, waits for its ACK, sends the next. Prints one JSON object:
seconds, messages answered AA with the right MSH-10, and the latencies (ms) at 50 and 99 %.
"""

import json
import select
import socket
import sys
import time

SEGMENTS = (
    "EVN||20260105093000||||20260105093000",
    "PID|1||{ipp}^^^CHU&1.2.250.1.999.1&ISO^PI||MARTEL^Zoé^ZOE^^^^L~ROUANET^^^^^^D||19800417|F|||"
    "12 RUE DES ESSAIS^^LILLE^^59000^FRA^H||^PRN^PH^^^^^^^^^0300000000|||||{ipp}^^^CHU^AN|||||"
    "||||||N||VALI",
    "PD1||||||||||||N",
    "ROL|1|AD|ODRP|10000000017^VERDIER^PAUL^^^DR^^^ASIP-SANTE-PS&1.2.250.1.71.4.2.1&ISO^L^^^RPPS",
    "PV1|1|I|7700^101^1^CHU|||||||||||7|||||"
    "{visit}^^^CHU&1.2.250.1.999.2&ISO^VN|||||||||||||||||||||||||20260105093000",
    "PV2|||||||||20260112",
    "ZBE|{visit}1^CHU^1.2.250.1.999.3^ISO|20260105093000||INSERT|N||^^^^^CHU^UF^^^7700||HMS",
    "ZFA|ACTIF|20250101||||||INO|20250101|NA",
    "ZFM|8||1",
)
SILENCE = 20
HEAD = (
    "MSH|^~\\&|DPI|CHU|RELAIS|CHU|20260105093000||ADT^A01^ADT_A01|{number}|P|2.5^FRA^2.11|||||FRA|"
    "8859/15"
)


def message(number: int) -> bytes:
    """An admission of ten segments, each with its own numbers. Invented people only."""
    text = "\r".join((HEAD, *SEGMENTS)) + "\r"
    filled = text.format(number=number, ipp=1_000_000 + number, visit=5_000_000 + number)
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
