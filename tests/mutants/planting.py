"""
Plants a fault in this process and removes it again: in the script libraries, or in Python functions.

A function gets the code of its faulty text, so everything that imported it calls the faulty one.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import CodeType, FunctionType, ModuleType
from typing import Any

from common.ledger import scripts
from tests.mutants.mutant import Mutant

INSTALLATION = Path(__file__).parents[2]


@contextmanager
def planted(mutant: Mutant) -> Iterator[None]:
    """Plant a fault of a ledger script or of a module. Raises AssertionError unless its text occurs exactly once."""
    whole = (INSTALLATION / mutant.file).read_text()
    assert whole.count(mutant.was) == 1, f"write this fault anew for what is there now: {mutant}"
    broken = whole.replace(mutant.was, mutant.becomes)
    replace = replace_functions if mutant.is_python else _replace_library
    replace(mutant.file, broken)
    try:
        yield
    finally:
        replace(mutant.file, whole)


def _replace_library(file: str, text: str) -> None:
    scripts.LIBRARIES[Path(file).stem] = text
    scripts.load.cache_clear()


def replace_functions(file: str, text: str) -> None:
    """Give the functions and methods of a module the code of this text; nothing else of the text runs."""
    module = importlib.import_module(file.removesuffix(".py").replace("/", "."))
    replaced = 0
    for name, code in _codes(compile(text, str(INSTALLATION / file), "exec")):
        if (function := _function(module, name)) is not None:
            function.__code__ = code
            replaced += 1
    assert replaced, f"no function of {file} can be replaced"


def _codes(block: CodeType) -> Iterator[tuple[str, CodeType]]:
    """Yield (qualified name, code) of each function of a module and of its classes."""
    for code in block.co_consts:
        if isinstance(code, CodeType) and "<" not in code.co_qualname:
            yield code.co_qualname, code
            yield from _codes(code)


def _function(module: ModuleType, name: str) -> FunctionType | None:
    found: Any = module
    for part in name.split("."):
        found = vars(found).get(part) if found is not None else None
    found = getattr(found, "fget", None) or getattr(found, "func", found)
    while hasattr(found, "__wrapped__"):
        found = found.__wrapped__
    return found if isinstance(found, FunctionType) else None
