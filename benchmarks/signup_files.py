"""
Which files' code runs for one signup, from the endpoint to Notion: `python -m benchmarks.signup_files`.

Runs `advent up` with a profiler in each process. Functions that run while nothing happens (heartbeats, the scheduler,
the sweeper) are left out: what is counted is what one signup adds, sandbox and console not counted.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PORTS = {"GATEWAY_PORT": "18100", "CONSOLE_PORT": "18101", "SANDBOX_PORT": "18102", "WORKER_METRICS_PORT": "18103"}
HOOK = f"""
import os, sys, threading
ROOT, FOLDER, seen = {str(ROOT)!r}, os.environ.get("PROFILE_FOLDER"), set()
def note(frame, event, arg):
    code = frame.f_code
    if event == "call" and code.co_filename.startswith(ROOT) and "/.venv/" not in code.co_filename:
        phase = next((name for name in ("signup", "idle") if os.path.exists(os.path.join(FOLDER, name))), None)
        key = (phase, code.co_filename, code.co_qualname)
        if phase and key not in seen:
            seen.add(key)
            with open(os.path.join(FOLDER, "calls"), "a") as file:
                file.write("\\t".join(key) + "\\n")
if FOLDER:
    sys.setprofile(note)
    threading.setprofile(note)
"""


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "sitecustomize.py").write_text(HOOK)
        environ = {
            **os.environ,  # noqa: TID251 -- a child gets the environment that this process has
            **PORTS,
            "PYTHONPATH": f"{folder}{os.pathsep}{ROOT}",
            "PROFILE_FOLDER": str(folder),
            "DATA_DIR": str(folder / "data"),
            "TESTING_MODE": "true",
        }
        up = subprocess.Popen(
            [sys.executable, "-m", "services.cli", "up"],
            cwd=ROOT,
            env=environ,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            _wait_until_ready()
            _record(folder, "idle", seconds=20)
            (folder / "signup").touch()
            quiet = {key: value for key, value in environ.items() if key != "PROFILE_FOLDER"}
            subprocess.run([sys.executable, "-m", "services.cli", "try"], cwd=ROOT, env=quiet, check=True)
            time.sleep(8)
            (folder / "signup").unlink()
        finally:
            up.send_signal(signal.SIGINT)
            up.wait(60)
        _report(folder)


def _wait_until_ready() -> None:
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        try:
            if (
                urllib.request.urlopen(f"http://127.0.0.1:{PORTS['WORKER_METRICS_PORT']}/ready", timeout=2).status
                == 200
            ):
                return
        except OSError:
            time.sleep(0.5)
    raise SystemExit("advent up did not become ready within 120 s")


def _record(folder: Path, phase: str, *, seconds: float) -> None:
    (folder / phase).touch()
    time.sleep(seconds)
    (folder / phase).unlink()


def _report(folder: Path) -> None:
    calls = [line.split("\t") for line in (folder / "calls").read_text().splitlines()]
    idle = {(file, function) for phase, file, function in calls if phase == "idle"}
    files = sorted(
        {
            file.removeprefix(f"{ROOT}/")
            for phase, file, function in calls
            if phase == "signup"
            and (file, function) not in idle
            and "/sandbox/" not in file
            and "/console/" not in file
        }
    )
    sys.stdout.write("\n".join(files) + f"\n{len(files)} files of Python run for one signup\n")


if __name__ == "__main__":
    main()
