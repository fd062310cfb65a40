"""A real Prometheus with the real rules, sped up: it scrapes every second, and alerts fire after one second."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from types import TracebackType
from typing import Any

import yaml

from tests.acceptance.http import request
from tests.acceptance.waiting import eventually
from tests.monitoring.tools import PROMETHEUS, RULES, tool


class Prometheus:
    def __init__(self, folder: Path, *, port: int, targets: dict[str, str]) -> None:
        """Start Prometheus. `targets`: host:port of each job."""
        self.url = f"http://127.0.0.1:{port}"
        config = yaml.safe_load((PROMETHEUS / "prometheus.yml").read_text())
        config["global"] = {"scrape_interval": "1s", "scrape_timeout": "900ms", "evaluation_interval": "1s"}
        config["scrape_configs"] = [
            {"job_name": job["job_name"], "static_configs": [{"targets": [targets[job["job_name"]]]}]}
            for job in config["scrape_configs"]
            if job["job_name"] in targets
        ]
        del config["alerting"]
        (folder / "rules").mkdir(parents=True)
        for file in RULES.glob("*.yml"):
            hurried = re.sub(r"(?m)^( +for:) .*$", r"\1 1s", file.read_text())
            (folder / "rules" / file.name).write_text(hurried)
        (folder / "prometheus.yml").write_text(yaml.safe_dump(config))
        command = [
            tool("prometheus"),
            f"--config.file={folder / 'prometheus.yml'}",
            f"--storage.tsdb.path={folder / 'tsdb'}",
            f"--web.listen-address=127.0.0.1:{port}",
            "--log.level=error",
        ]
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def __enter__(self) -> Prometheus:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.terminate()
        self._process.wait(60)

    def firing(self) -> set[str]:
        """Return the names of all firing alerts; empty while Prometheus does not answer."""
        try:
            reported = request("GET", f"{self.url}/api/v1/alerts").json["data"]["alerts"]
        except (OSError, ValueError, KeyError):
            return set()
        return {alert["labels"]["alertname"] for alert in reported if alert["state"] == "firing"}

    def value(self, query: str) -> float | None:
        """Return the value of a query with one result, or None while it has none."""
        try:
            answer: Any = request("GET", f"{self.url}/api/v1/query?query={query}").json
        except (OSError, ValueError):
            return None
        found = answer["data"]["result"] if answer["status"] == "success" else []
        return float(found[0]["value"][1]) if found else None

    def fires(self, *alerts: str) -> None:
        eventually(lambda: set(alerts) <= self.firing(), f"{alerts} to fire", within_s=30)

    def is_quiet(self) -> None:
        eventually(lambda: self.firing() == set(), "every alert to clear", within_s=45)
