"""After `pip install .`, the command works from any folder: all files that it reads at run time are packaged."""

from __future__ import annotations

import tomllib

import pytest

from tests.tidy.repository import ROOT

PACKAGING = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["package-data"]
NOT_READ = {".py", ".pyc"}


@pytest.mark.parametrize("package", ["actors", "common", "services"])
def test_every_data_file_is_packaged(package):
    there = {file for file in (ROOT / package).rglob("*") if file.is_file() and file.suffix not in NOT_READ}
    packaged = {
        file for pattern in PACKAGING["*"] + PACKAGING.get(package, []) for file in (ROOT / package).glob(pattern)
    }

    assert {str(file.relative_to(ROOT)) for file in there - packaged if file.name != "README.md"} == set()
