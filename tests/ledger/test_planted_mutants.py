"""The list of planted faults matches the current scripts; `make mutants` tries each of them."""

from __future__ import annotations

from pathlib import Path

import pytest
import redis.asyncio

from tests.mutants.mutant import BROKER, LEDGER, PROVIDERS, Mutant
from tests.mutants.planted import MUTANTS

INSTALLATION = Path(__file__).parents[2]
SCRIPTS = [file for folder in (LEDGER, BROKER, PROVIDERS) for file in sorted((INSTALLATION / folder).rglob("*.lua"))]


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.stem)
def test_every_script_has_a_planted_fault(script: Path) -> None:
    assert any(INSTALLATION / mutant.file == script for mutant in MUTANTS), (
        f"plant one in tests/mutants/planted.py: {script}"
    )


@pytest.mark.parametrize("mutant", MUTANTS, ids=str)
def test_code_replaced_by_a_planted_fault_occurs_exactly_once(mutant: Mutant) -> None:
    assert (INSTALLATION / mutant.file).read_text().count(mutant.was) == 1, (
        "write this fault anew for what is there now"
    )
    assert mutant.was != mutant.becomes


@pytest.mark.parametrize("mutant", [mutant for mutant in MUTANTS if mutant.is_python], ids=str)
def test_module_with_a_planted_fault_compiles(mutant: Mutant) -> None:
    compile((INSTALLATION / mutant.file).read_text().replace(mutant.was, mutant.becomes), mutant.file, "exec")


async def test_every_script_with_a_planted_fault_compiles(store: redis.asyncio.Redis) -> None:
    for mutant in (mutant for mutant in MUTANTS if not mutant.is_python):
        text = (INSTALLATION / mutant.file).read_text().replace(mutant.was, mutant.becomes)
        assert await store.script_load(text), mutant


def test_no_planted_fault_is_listed_twice() -> None:
    assert len(MUTANTS) == len(set(MUTANTS))
