import re

import yaml

from tests.faults.page import PAGE, PROVIDERS, page
from tests.monitoring.tools import RULES


def test_the_page_says_what_the_matrix_says():
    assert PAGE.read_text() == page(), "python -m tests.faults.page writes it anew"


def test_every_misconfiguration_has_a_cure():
    faults = [fault for provider in PROVIDERS for fault in provider.faults if fault.kind == "Misconfigured"]

    assert [fault.when for fault in faults if not fault.cure] == []


def test_alerts_named_in_the_matrix_come_when_it_says():
    groups = yaml.safe_load((RULES / "alerts.yml").read_text())["groups"]
    waits = {rule["alert"]: rule.get("for") for group in groups for rule in group["rules"] if "alert" in rule}
    named = dict(re.findall(r"alert `(\w+)` after (\d+ m)in", page()))

    assert named.keys() == {"ResendCircuitOpen", "NotionCircuitOpen"}
    assert {alert: waits[alert] for alert in named} == {alert: wait.replace(" ", "") for alert, wait in named.items()}
