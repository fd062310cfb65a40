"""
deploy/prometheus/rules as the one object that the Prometheus operator reads.

`python -m tests.deploy.prometheus_rule` writes it anew after a change of the rules.
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
    """The whole file: the groups of every rule file, two columns deeper."""
    return _HEAD + "\n".join(_groups(file) for file in RULES)


def _groups(file: Path) -> str:
    _, _, groups = file.read_text().partition("\ngroups:\n")
    return "".join(f"  {line}" if line.strip() else line for line in groups.splitlines(keepends=True))


if __name__ == "__main__":
    FILE.write_text(text())
