"""A process that publishes until it is killed: `python -m tests.store.publishing URL KEY_FILE LANES`.

Writes a line "ack REPORT NAME PATIENT" for each publish, as soon as it is acknowledged.
"""

import os
import sys
from concurrent.futures import Future
from pathlib import Path
from threading import Semaphore

from hutong_server.store.base import Identity, StoredReport, Writer
from hutong_server.store.sql_store import open_store
from hutong_server.trust.keys import read_key_file
from hutong_server.trust.sealing import AesGcmSealer

from tests.store.rows import key, report, token, version


def main(url: str, key_file: str, lanes: str) -> None:
    store = open_store(url, AesGcmSealer(read_key_file(Path(key_file))), lanes=int(lanes))
    room = Semaphore(40)
    while True:
        room.acquire()
        row, name = report(key()), token()

        def job(writer: Writer, row: StoredReport = row, name: bytes = name) -> None:
            writer.lock((name,))
            writer.put_identity(Identity(name, row.report_id, row.patient_key, 1, False))
            writer.put_version(version(row.patient_key, row.report_id))
            writer.put_report(row)

        def acknowledge(future: "Future[None]", row: StoredReport = row, name: bytes = name) -> None:
            if future.exception() is None:
                line = f"ack {row.report_id.hex()} {name.hex()} {row.patient_key.hex()}\n"
                os.write(1, line.encode())
            room.release()

        store.submit(job).add_done_callback(acknowledge)


if __name__ == "__main__":
    main(*sys.argv[1:])
