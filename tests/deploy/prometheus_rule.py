"""
Makes one object of deploy/prometheus/rules for the Prometheus operator.

`python -m tests.deploy.prometheus_rule` writes it again after a change to the rules.
"""

from __future__ import annotations

from pathlib import Path

from tests.tidy.repository import ROOT

RULES = sorted((ROOT / "deploy" / "prometheus" / "rules").glob("*.yml"))
FILE = ROOT / "deploy" / "k8s" / "components" / "monitoring" / "prometheus-rule.yaml"

_HEAD = """\
# Made of deploy/prometheus/rules by `python -m tests.deploy.prometheus_rule`; change those, and run it.
apiVersion: monitoring.coreos.com/v1
kind: PrometheusRule
metadata:
  name: advent
  labels:
    app.kubernetes.io/name: advent
spec:
  groups:
"""


def text() -> str:
    """Return the whole file: the groups of every rule file, indented by two more columns."""
    return _HEAD + "\n".join(_groups(file) for file in RULES)


def _groups(file: Path) -> str:
    _, _, groups = file.read_text().partition("\ngroups:\n")
    return "".join(f"  {line}" if line.strip() else line for line in groups.splitlines(keepends=True))


if __name__ == "__main__":
    FILE.write_text(text())
