"""Tells systemd how the service stands (sd_notify(3)). Does nothing elsewhere."""

import os
import socket
import time


def notify(*assignments: str) -> bool:
    """Send ``READY=1``, ``STOPPING=1``, ``WATCHDOG=1``…; False when nobody listens."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address:
        return False
    target = "\0" + address[1:] if address.startswith("@") else address
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as speaker:
        try:
            speaker.sendto("\n".join(assignments).encode(), target)
        except OSError:
            return False
    return True


def reloading() -> bool:
    """``RELOADING=1`` wants the monotonic clock beside it, in microseconds."""
    return notify("RELOADING=1", f"MONOTONIC_USEC={time.monotonic_ns() // 1000}")


def watchdog_period() -> float | None:
    """Seconds between two ``WATCHDOG=1`` that systemd expects; None: it expects none."""
    micro = os.environ.get("WATCHDOG_USEC", "")
    return int(micro) / 2_000_000 if micro.isdigit() and int(micro) > 0 else None
