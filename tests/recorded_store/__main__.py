"""
`python -m tests.recorded_store record VERSION`: play `scenario.py` with the processes of this checkout and record it.
`python -m tests.recorded_store load VERSION DATA_DIR`: create a DATA_DIR as that version left it.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

from tests.recorded_store import recording
from tests.recorded_store.place import PACE, RecordingPlace
from tests.recorded_store.scenario import Scenario


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.recorded_store", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("record").add_argument("version")
    load = commands.add_parser("load")
    load.add_argument("version")
    load.add_argument("data_dir", type=Path)
    given = parser.parse_args()
    if given.command == "record":
        record(given.version)
    else:
        attempted_ms = recording.read(given.version).recorded_ms
        recording.load_data_dir(given.version, given.data_dir, attempted_ms=attempted_ms)


def record(version: str) -> None:
    place = RecordingPlace()
    try:
        place.start()
        scenario = Scenario(place)
        scenario.play()
        made = recording.Recording(version, int(time.time() * 1000), PACE)
        recording.write(made, place.data_dir, made.folder)
    finally:
        for process in place.place.processes:
            print(f"== {process.name}\n{process.stdout[-3000:]}{process.stderr[-6000:]}")
        place.close()


if __name__ == "__main__":
    main()
