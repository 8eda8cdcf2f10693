"""What the programs, print queues and receivers of relais.toml must be to the machine."""

import os
import stat
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from engine.model.channel import Channel, Command, Mllp, PrintQueue
from engine.model.value import Value
from engine.runtime import certificates
from engine.runtime.findings import Finding, cure_of, folder_fault
from engine.runtime.mistakes import Weight
from engine.runtime.toml_positions import Path as Place

_PAGE = 210  # mm
_CODES = range(1, 256)


def lasting(place: Place, table: Value, *names: str) -> Iterator[Finding]:
    """Durations that may not be nothing: a timeout of nothing fails each mail as "possibly sent",
    a wait of nothing spins."""
    for name in names:
        if not getattr(table, name):
            yield Finding((*place, name), "no time at all", 'give a duration, such as "10s"')


def writable_folder(place: Place, path: Path) -> Iterator[Finding]:
    """A folder that is there, and that this account may write to."""
    fault = folder_fault(path)
    if fault is not None:
        yield Finding(place, fault, cure_of(fault, path))
    elif not os.access(path, os.W_OK | os.X_OK):
        yield Finding(place, "this account cannot write there", f"chown it: {path}")


def check_command(place: Place, channel: Channel) -> Iterator[Finding]:
    """Findings on [channels.*.command]."""
    command = channel.command
    assert command is not None
    yield from lasting(place, command, "timeout")
    yield from _program((*place, "argv", 0), Path(command.argv[0]))
    yield from _file_of(place, command)
    if command.body == "text" and channel.format != "hprim":
        yield Finding(
            (*place, "body"),
            "the text alone of this format is no letter: what counts is in its attachments",
            'set format = "hprim" for the channel, or body = "mail"',
        )
    seen: dict[int, str] = {0: "success"}
    for name in ("refused", "no_mailbox", "possibly_sent"):
        for number, code in enumerate(getattr(command, name)):
            here = (*place, name, number) if name in command.model_fields_set else place
            if code in seen:
                yield Finding(here, f"{code} stands for {seen[code]} already", "keep one of them")
            elif code not in _CODES:
                yield Finding(here, f"{code} is no exit code of a failure", "give 1 to 255")
            seen.setdefault(code, name)


def _program(place: Place, path: Path) -> Iterator[Finding]:
    if not path.is_absolute():
        yield Finding(place, "not an absolute path: no shell looks for it", "such as /opt/x/send")
        return
    try:
        mode = path.stat().st_mode
    except OSError as error:
        reason = (error.strerror or "it cannot be reached").lower()
        yield Finding(place, f"the program: {reason}", f"install it: {path}")
        return
    if not stat.S_ISREG(mode) or not os.access(path, os.X_OK):
        yield Finding(place, "not a program that this account may run", f"chmod +x {path}")
    elif mode & 0o022:
        yield Finding(place, "others can change this program", f"chmod go-w {path}")


def _file_of(place: Place, command: Command) -> Iterator[Finding]:
    named = any("{file}" in one for one in command.argv[1:])
    if command.give == "stdin":
        if named:
            yield Finding((*place, "argv"), "{file} is nothing here", 'set give = "file"')
        return
    if not named:
        yield Finding((*place, "argv"), "nothing tells the program its file", "add {file} to it")
    if command.private is None:
        yield Finding((*place, "private"), "missing beside give", 'add private = "/…"')
        return
    yield from writable_folder((*place, "private"), command.private)
    if folder_fault(command.private) is None and command.private.stat().st_mode & 0o077:
        yield Finding(
            (*place, "private"), "others can look into it", f"chmod 700 {command.private}"
        )


def check_print(place: Place, queue: PrintQueue) -> Iterator[Finding]:
    """Findings on [channels.*.print]."""
    yield from writable_folder((*place, "path"), queue.path)
    if queue.window_left + queue.window_width > _PAGE:
        yield Finding(
            (*place, "window_width"),
            f"the window ends beyond the page: {queue.window_left} + {queue.window_width} mm",
            f"at most {_PAGE} mm together",
        )
    if not queue.return_address:
        yield Finding(
            (*place, "return_address"),
            "what cannot be delivered would not come back",
            "give the hospital's mail room; not a word of the unit",
            Weight.ADVICE,
        )


def check_mllp(place: Place, line: Mllp, loopback: bool, now: datetime) -> Iterator[Finding]:
    """Findings on a receiver; ``loopback``: it is on this machine."""
    yield from lasting(place, line, "connect_timeout", "commit_timeout", "answer_timeout")
    if line.ca_file is not None:
        yield from certificates.check_authority((*place, "ca_file"), line.ca_file, now, Finding)
    if (line.certificate is None) != (line.key is None):
        lacking = "key" if line.key is None else "certificate"
        yield Finding((*place, lacking), "missing beside its other half", f"add {lacking} = …")
    elif line.certificate is not None and line.key is not None:
        yield from certificates.check_pair(place, line.certificate, line.key, now, Finding)
    if not line.tls and not loopback:
        yield Finding(
            (*place, "tls"),
            "patients' data would cross the network without TLS",
            "leave tls on, or keep host on loopback behind a TLS proxy",
            Weight.ADVICE,
        )
