"""The MLLP listener over the durable store, in its own process: ``… DATABASE``. Prints its port."""

import asyncio
import gc
import logging
import signal
import sys
from datetime import timedelta
from pathlib import Path

import structlog

from engine.inbound.mllp_server import MllpServer
from engine.inbound.receive import Door, Receiver
from engine.model.config import Listener
from engine.store.sqlite import SqliteStore
from tests.support.mllp_peer import Tally


async def main(database: Path) -> None:
    store = SqliteStore.open(database)
    tally = Tally()
    receiver = Receiver(store, tally, software="RELAIS")
    listener = Listener(name="bench", port=0, mapping="pam-fr")
    server = MllpServer(listener, Door("bench"), receiver, tally)
    await server.start()
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    gc.freeze()  # what lives as long as the process is out of the collector's way
    gc.set_threshold(50_000, 50, 100)
    print(server.port, flush=True)
    await stop.wait()
    await server.drain(timedelta(seconds=5))
    store.close()


if __name__ == "__main__":
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.WriteLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    asyncio.run(main(Path(sys.argv[1])))
