"""
Lists the files whose code runs for one signup, from the endpoint to Notion: `python -m benchmarks.signup_files`.

It runs `advent up` with a profiler in each process, and first pauses sending: accept, classify, enroll and the row in
Notion count, but not the first mail. Each call is recorded with the outermost function of its task or thread. Calls
that this function also makes while the system is idle (heartbeat, scheduler, sweeper) are left out, and so are sandbox,
console and command line. `ROOT` in the environment names another checkout to measure.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

ROOT = Path(os.environ.get("ROOT") or Path(__file__).resolve().parents[1])  # noqa: TID251 -- no part of the settings
ADVENT = (sys.executable, "-m", "services.cli")
PORTS = {"GATEWAY_PORT": "18100", "CONSOLE_PORT": "18101", "SANDBOX_PORT": "18102", "WORKER_METRICS_PORT": "18103"}
JOBS = re.compile(r"(?:consumer|broker|registry|roster)\.py:")
"""Outermost functions that fetch, run and acknowledge jobs. Their calls count even if they also occur while idle."""
COMPARISON = " reconcile_bookings"
"""An actor that runs every few minutes, without a signup."""
HOOK = f"""
import os, sys, threading
ROOT, FOLDER, seen = {str(ROOT)!r}, os.environ.get("PROFILE_FOLDER"), set()
def ours(code):
    return code.co_filename.startswith(ROOT) and "/.venv/" not in code.co_filename and "/lib/" not in code.co_filename
def elsewhere(frame):
    while frame:
        if name_of(frame.f_code).startswith(("services/console/", "services/sandbox/")):
            return True
        frame = frame.f_back
def name_of(code):
    return code.co_filename[len(ROOT) + 1 :] + ":" + code.co_qualname
def note(frame, event, arg):
    code = frame.f_code
    if event == "call" and ours(code):
        phase = next((name for name in ("signup", "idle") if os.path.exists(os.path.join(FOLDER, name))), None)
        outer = root = frame
        while (outer := outer.f_back) and not outer.f_code.co_filename.endswith("asyncio/events.py"):
            root = outer if ours(outer.f_code) else root
        actor = getattr(root.f_locals.get("spec") or root.f_locals.get("role"), "name", "")
        key = (phase, name_of(root.f_code) + " " + actor, name_of(code))
        if phase and key not in seen and not elsewhere(frame):
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
            [*ADVENT, "up"],
            cwd=ROOT,
            env=environ,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            _wait_until_ready()
            quiet = {key: value for key, value in environ.items() if key != "PROFILE_FOLDER"}
            while subprocess.run([*ADVENT, "pause"], cwd=ROOT, env=quiet).returncode:
                time.sleep(1)  # `advent up` serves its ports before commands can find its store.
            _record(folder, "idle", seconds=70)  # Longer than the period of every background task.
            (folder / "signup").touch()
            subprocess.run([*ADVENT, "try"], cwd=ROOT, env=quiet, check=True)
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
    idle = {(root, function) for phase, root, function in calls if phase == "idle" and not JOBS.search(root)}
    signup = {
        function
        for phase, root, function in calls
        if phase == "signup" and (root, function) not in idle and not root.endswith(COMPARISON)
    }
    files = sorted({function.partition(":")[0] for function in signup})
    counted = [file for file in files if not file.startswith(("services/sandbox", "services/console", "services/cli"))]
    sys.stdout.write("\n".join(counted) + f"\n{len(counted)} files of Python run for one signup\n")


if __name__ == "__main__":
    main()
