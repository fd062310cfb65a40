import ast
import re

import pytest

from tests.tidy.repository import ROOT

PURE = {
    "__future__",
    "base64",
    "bisect",
    "collections",
    "dataclasses",
    "datetime",
    "email",
    "enum",
    "functools",
    "hashlib",
    "heapq",
    "hmac",
    "itertools",
    "json",
    "math",
    "re",
    "typing",
    "zoneinfo",
    "unicodedata",
}
"""Modules the domain may import: none reads a clock, a disk, a network or the environment on its own."""

DOMAIN = sorted((ROOT / "common" / "domain").glob("*.py"))


def imports_of(file):
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module or ""


@pytest.mark.parametrize("file", DOMAIN, ids=lambda file: file.name)
def test_domain_modules_import_only_pure_modules(file):
    strangers = {name for name in imports_of(file) if name.split(".")[0] not in PURE}

    assert {name for name in strangers if not name.startswith("common.domain")} == set()


@pytest.mark.parametrize("package", ["services", "actors", "common"])
def test_code_contains_no_home_folder_of_one_machine(package):
    for file in (ROOT / package).rglob("*.py"):
        assert re.findall(r"/(?:root|home)/", file.read_text()) == [], file


def test_every_ledger_script_begins_with_a_comment():
    scripts = sorted((ROOT / "common" / "ledger" / "lua").rglob("*.lua"))

    assert scripts
    for script in scripts:
        assert script.read_text().startswith("--"), script.name


FRAGMENT = re.compile(r"(?:Of|By|From|To|With|As|On|Who|Whom|Whose|That|Those|Whoever)\b")
"""A docstring that begins so continues the name of its function, and cannot be understood by itself."""


def docstrings_of(file):
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Module):
            yield ast.get_docstring(node) or ""


@pytest.mark.parametrize("package", ["services", "actors", "common", "tests"])
def test_every_docstring_can_be_understood_without_the_name_of_its_function(package):
    files = sorted((ROOT / package).rglob("*.py"))

    assert [(file.name, text) for file in files for text in docstrings_of(file) if FRAGMENT.match(text)] == []


QUEUE_KEY = re.compile(
    r"\.(?:DQ|XQ|msgs)$|__(?:acks|failed|heartbeats|ignored|paused|probing|queues|started|takeovers)__"
)


def strings_of(file):
    """Yield every string of a module that is not a docstring."""
    tree = ast.parse(file.read_text())
    docstrings = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docstrings:
            yield node.value


@pytest.mark.parametrize("package", ["services", "actors", "common"])
def test_keys_of_the_queue_are_spelled_in_its_layout_only(package):
    files = {file for file in (ROOT / package).rglob("*.py") if file != ROOT / "common" / "queue" / "layout.py"}

    assert [(str(file), text) for file in files for text in strings_of(file) if QUEUE_KEY.search(text)] == []
