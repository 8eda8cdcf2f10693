"""A real Postfix on loopback, from a throwaway configuration. Needs root and Debian's package."""

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.support.certs import Certs

DAEMONS = Path("/usr/lib/postfix/sbin")

# Why the tests cannot run here; "" when they can.
MISSING = (
    "needs Debian's postfix package"
    if not (DAEMONS / "master").exists()
    else ("needs root" if os.geteuid() != 0 else "")
)

MAIN = """\
compatibility_level = 3.6
queue_directory = {root}/queue
data_directory = {root}/data
command_directory = /usr/sbin
daemon_directory = /usr/lib/postfix/sbin
shlib_directory = /usr/lib/postfix
mail_owner = postfix
setgid_group = postdrop
maillog_file = {root}/maillog
maillog_file_prefixes = {root}
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
myhostname = relay.example
mydestination =
mynetworks = 127.0.0.0/8
alias_maps =
alias_database =
smtpd_relay_restrictions = permit_mynetworks, reject
virtual_mailbox_domains = {domains}
virtual_mailbox_maps = inline:{{{boxes}}}
virtual_mailbox_base = {root}/mail
virtual_mailbox_limit = 0
virtual_uid_maps = static:65534
virtual_gid_maps = static:65534
virtual_transport = virtual
default_transport = nowhere
message_size_limit = 10240000
smtpd_tls_cert_file = {server}
smtpd_tls_key_file = {server}
smtpd_tls_CAfile = {ca}
smtpd_tls_security_level = encrypt
smtpd_tls_ask_ccert = yes
smtpd_tls_req_ccert = yes
smtpd_tls_auth_only = yes
smtputf8_enable = yes
"""

MASTER = """\
127.0.0.1:{port} inet n - n - - smtpd
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
flush unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
error unix - - n - - error
retry unix - - n - - error
nowhere unix - n n - - pipe user=nobody argv=/bin/false
virtual unix - n n - - virtual
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
postlog unix-dgram n - n - 1 postlogd
"""


@dataclass(frozen=True)
class Postfix:
    """Where it listens and where it delivers."""

    port: int
    root: Path

    def inbox(self, name: str, *, wanted: int = 1, patience: float = 10) -> list[bytes]:
        """The mails in a box, once there are `wanted` of them."""
        limit = time.monotonic() + patience
        while True:
            found = sorted((self.root / "mail" / name / "new").glob("*"))
            if len(found) >= wanted or time.monotonic() > limit:
                return [path.read_bytes() for path in found]
            time.sleep(0.02)  # a mail store tells nobody


BOXES = ("usmp@hopital.example", "cabinet@medecin.example")


@contextmanager
def postfix(certs: Certs, boxes: tuple[str, ...] = BOXES) -> Iterator[Postfix]:
    """Start it, stop it, leave nothing. Each of `boxes` is a maildir named by its local part;
    mails to another domain are taken, and bounce."""
    root = Path(tempfile.mkdtemp(prefix="postfix-"))
    try:
        root.chmod(0o755)
        for name in ("etc", "queue", "mail", "data"):
            (root / name).mkdir()
        os.chown(root / "mail", 65534, 65534)
        shutil.chown(root / "data", "postfix")
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        for name in ("server", "ca"):
            shutil.copy(getattr(certs, name), root / f"{name}.pem")
        values = {
            "root": root,
            "server": root / "server.pem",
            "ca": root / "ca.pem",
            "domains": ", ".join(sorted({one.partition("@")[2] for one in boxes})),
            "boxes": ", ".join(f"{one}={one.partition('@')[0]}/" for one in boxes),
        }
        (root / "etc" / "main.cf").write_text(MAIN.format(**values))
        (root / "etc" / "master.cf").write_text(MASTER.format(port=port))
        etc = str(root / "etc")
        subprocess.run(["/usr/sbin/postfix", "-c", etc, "check"], check=True, capture_output=True)
        subprocess.run([DAEMONS / "master", "-c", etc, "-w"], check=True, capture_output=True)
        pid = int((root / "queue" / "pid" / "master.pid").read_text())
        try:
            yield Postfix(port, root)
        finally:
            os.kill(pid, signal.SIGTERM)
            while _alive(pid):
                time.sleep(0.02)
    finally:
        shutil.rmtree(root, ignore_errors=True)


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
