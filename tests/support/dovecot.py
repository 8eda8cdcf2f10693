"""A real Dovecot on loopback, from a throwaway configuration, over a folder of maildirs.

Needs Debian's dovecot-imapd, 2.3 or 2.4. The mailboxes are those that Postfix delivers to:
`<mail>/<local part>/`.
"""

import os
import re
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.support.certs import Certs

SECRET = "secret"


def _version() -> str:
    if shutil.which("dovecot") is None or not Path("/usr/lib/dovecot/imap").exists():
        return ""
    told = subprocess.run(["dovecot", "--version"], capture_output=True, text=True, check=False)
    return told.stdout.strip()


VERSION = _version()
# Why the tests cannot run here; "" when they can.
MISSING = (
    "needs Debian's dovecot-imapd package, version 2.3"
    if not VERSION.startswith("2.3.")
    else ("needs root" if os.geteuid() != 0 else "")
)

CONFIG = """\
base_dir = {root}/run
state_dir = {root}/state
log_path = {root}/log
protocols = imap
listen = 127.0.0.1
first_valid_uid = 1
ssl = {ssl}
ssl_cert = <{root}/server.pem
ssl_key = <{root}/server.pem
ssl_ca = <{root}/ca.pem
ssl_verify_client_cert = yes
auth_ssl_require_client_cert = no
disable_plaintext_auth = yes
mail_location = maildir:{mail}/%n
mail_uid = nobody
mail_gid = nogroup
passdb {{
  driver = passwd-file
  args = username_format=%u {root}/users
}}
userdb {{
  driver = static
  args = uid=nobody gid=nogroup home={mail}/%n
}}
service imap-login {{
  chroot =
  inet_listener imap {{
    port = {port}
  }}
  inet_listener imaps {{
    port = {tls_port}
    ssl = yes
  }}
}}
service anvil {{
  chroot =
}}
service stats {{
  chroot =
}}
{more}
"""


@dataclass(frozen=True)
class Dovecot:
    """Where it listens; `put` is how a mail comes without Postfix."""

    port: int  # STARTTLS
    tls_port: int
    root: Path
    mail: Path

    def put(self, box: str, raw: bytes, name: str) -> None:
        """Deliver a mail into a box, as a delivery agent does."""
        folder = self.mail / box
        for one in (folder, *(folder / part for part in ("tmp", "new", "cur"))):
            if not one.exists():
                one.mkdir(mode=0o700)
                shutil.chown(one, "nobody", "nogroup")
        path = folder / "tmp" / name
        path.write_bytes(raw)
        shutil.chown(path, "nobody", "nogroup")
        path.rename(folder / "new" / name)

    def renumber(self, box: str) -> None:
        """Lose the numbering of a box: it gets another UIDVALIDITY."""
        # Dovecot takes the time in seconds for it: too coarse for two tests in one second.
        listed = self.mail / box / "dovecot-uidlist"
        head, _, rest = listed.read_text().partition("\n")
        before = re.search(r"V(\d+)", head)
        assert before is not None
        anew = head.replace(before[0], f"V{int(before[1]) + 1000}")
        for path in (self.mail / box).glob("dovecot*"):
            path.unlink()
        listed.write_text(f"{anew}\n{rest}")
        shutil.chown(listed, "nobody", "nogroup")


def _free() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port


@contextmanager
def dovecot(
    certs: Certs, users: tuple[str, ...], mail: Path, *, more: str = ""
) -> Iterator[Dovecot]:
    """Start it, stop it, leave nothing. ``more``: further lines of configuration."""
    root = Path(tempfile.mkdtemp(prefix="dovecot-"))
    config = root / "dovecot.conf"
    try:
        root.chmod(0o755)
        for name in ("server", "ca"):
            shutil.copy(getattr(certs, name), root / f"{name}.pem")
        (root / "users").write_text("".join(f"{one}:{{PLAIN}}{SECRET}::::::\n" for one in users))
        port, tls_port = _free(), _free()
        values = {"root": root, "mail": mail, "port": port, "tls_port": tls_port}
        config.write_text(CONFIG.format(**values, ssl="required", more=more))
        with (root / "told").open("wb") as told:
            command = ["dovecot", "-F", "-c", str(config)]
            process = subprocess.Popen(command, stdout=told, stderr=told)
        try:
            _listening(tls_port, process, root / "told")
            yield Dovecot(port, tls_port, root, mail)
        finally:
            process.terminate()
            process.wait(timeout=10)
    finally:
        shutil.rmtree(root, ignore_errors=True)


def _listening(port: int, process: subprocess.Popen[bytes], told: Path) -> None:
    limit = time.monotonic() + 10
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            assert process.poll() is None, told.read_text()
            assert time.monotonic() < limit, "dovecot does not listen"
            time.sleep(0.02)
        else:
            return
