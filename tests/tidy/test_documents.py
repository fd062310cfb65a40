import re

import pytest

from common.settings.settings import SETTING_NAMES, Settings
from services.cli.main import COMMANDS
from tests.tidy.repository import ROOT, documents

SETTINGS_PAGE = (ROOT / "docs" / "settings.md").read_text()
ROWS = dict(re.findall(r"^\| `([A-Z_]+)` \| ([^|]*) \|", SETTINGS_PAGE, re.MULTILINE))
TARGETS = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))


def test_every_setting_is_documented_and_nothing_else():
    assert set(SETTING_NAMES) == set(ROWS)


@pytest.mark.parametrize("name", SETTING_NAMES)
def test_a_documented_default_is_the_real_one(name):
    default = Settings.model_fields[name.lower()].default
    shown = re.findall(r"`([^`]*)`", ROWS[name])

    if isinstance(default, bool):
        assert shown == [str(default).lower()]
    elif default in (None, ""):
        assert shown == [] or name == "LOG_FORMAT"
    elif isinstance(default, float):
        assert float(shown[0]) == default
    else:
        assert shown[0].removeprefix("./") == str(default)


def test_the_example_names_every_setting_once():
    named = re.findall(r"^#?([A-Z_]+)=", (ROOT / ".env.example").read_text(), re.MULTILINE)

    assert sorted(named) == sorted(SETTING_NAMES)


@pytest.mark.parametrize("page", documents(), ids=lambda page: page.name)
class TestPage:
    def test_the_settings_it_sets_exist(self, page):
        named = set(re.findall(r"`([A-Z][A-Z_]+)=", page.read_text()))

        assert {name.removesuffix("_FILE") for name in named} <= set(SETTING_NAMES) | TARGETS_TAKE

    def test_the_commands_it_names_exist(self, page):
        named = set(re.findall(r"(?:^|[`/ ])advent ([a-z]+)(?=[`\s])", "\n".join(code_of(page)), re.MULTILINE))

        assert named <= set(COMMANDS) | {"--help"}

    def test_the_make_targets_it_names_exist(self, page):
        named = set(re.findall(r"(?:^|`)\s*make ([a-z]+)", "\n".join(code_of(page)), re.MULTILINE))

        assert named <= TARGETS

    def test_the_metrics_it_names_exist(self, page):
        named = set(re.findall(r"\badvent_[a-z_]+", page.read_text()))

        assert {name for name in named if not is_metric(name)} == set()

    def test_the_files_it_links_to_exist(self, page):
        links = re.findall(r"\]\(([^)#:{]+)(?:#[^)]*)?\)", page.read_text())

        assert [link for link in links if not (page.parent / link).exists()] == []


TARGETS_TAKE = {"ARGS", "PYTHON", "SEED", "SEEDS", "FAULTS"}


def code_of(page):
    """Yield the parts of a page that readers copy: code in backticks, indented lines, and fenced lines."""
    text = page.read_text()
    yield from re.findall(r"`[^`\n]+`", text)
    yield from re.findall(r"^ {4}.+$", text, re.MULTILINE)
    for block in re.findall(r"^```.*?^```", text, re.MULTILINE | re.DOTALL):
        yield from block.splitlines()


def is_metric(name):
    from common.observability import metrics

    found = [value._name for value in vars(metrics).values() if hasattr(value, "_name")]
    found += [old.name for old in metrics.OLD_NAMES]
    suffixes = ("", "_total", "_count", "_sum", "_bucket", "_created")
    return name in {metric + suffix for metric in found for suffix in suffixes}
