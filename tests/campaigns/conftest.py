"""A copy of the campaign for tests that change one."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from common.campaigns import loader


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A folder with a copy of the Christmas campaign and of the layout that campaigns share."""
    packaged = Path(loader.__file__).parent
    shutil.copytree(packaged / "christmas_2025", tmp_path / "christmas_2025")
    shutil.copytree(packaged / "shared" / "layout", tmp_path / "christmas_2025" / "layout")
    return tmp_path


@pytest.fixture
def spoil(home: Path) -> Callable[[str, str, str], None]:
    """A function that replaces one passage in a file of the copied campaign; the passage must be there."""

    def replace(name: str, passage: str, by: str) -> None:
        file = home / "christmas_2025" / name
        text = file.read_text(encoding="utf-8")
        assert passage in text
        file.write_text(text.replace(passage, by), encoding="utf-8")

    return replace
