"""`advent migrate`: which store it migrates, what it prints, and `--restore`."""

import json

import pytest

from common.ledger import keys
from common.store.clients import connect
from common.store.embedded import EmbeddedStore
from common.store.format import FORMAT

SECRET = {"SECRET_KEY": "a key for tests"}


@pytest.fixture
def up_to_date(store_url):
    with connect(store_url) as client:
        client.set(keys.FORMAT, FORMAT)
        client.set(keys.OPEN, "everything that waits")
    return store_url


def test_migrate_leaves_an_up_to_date_store_unchanged(advent, up_to_date):
    assert advent("migrate", REDIS_URL=up_to_date, **SECRET) == (
        0,
        f"nothing to do: the store is in format {FORMAT}\n",
        "",
    )


def test_migrate_creates_no_store_in_an_empty_data_dir(advent, tmp_path):
    status, said, _ = advent("migrate", DATA_DIR=tmp_path / "data", **SECRET)

    assert (status, said) == (0, f"nothing to do: the store is in format {FORMAT}\n")
    assert not (tmp_path / "data" / "store").exists()


def test_migrate_refuses_a_store_of_a_newer_format(advent, up_to_date):
    with connect(up_to_date) as client:
        client.set(keys.FORMAT, FORMAT + 1)

    status, said, complained = advent("migrate", REDIS_URL=up_to_date, **SECRET)

    assert (status, said) == (1, "")
    (line,) = complained.splitlines()
    assert line.startswith(
        f"advent: the store was written in format {FORMAT + 1}, and this version reads format {FORMAT}"
    )


def test_a_dry_run_says_whether_a_migration_is_needed(advent, up_to_date):
    status, said, _ = advent("migrate", "--dry-run", "--json", REDIS_URL=up_to_date)
    assert (status, json.loads(said)) == (0, {"format": str(FORMAT), "reads": FORMAT, "needed": False})

    with connect(up_to_date) as client:
        client.set(keys.FORMAT, FORMAT - 1)
    status, said, _ = advent("migrate", "--dry-run", "--json", REDIS_URL=up_to_date)
    assert (status, json.loads(said)) == (0, {"format": str(FORMAT - 1), "reads": FORMAT, "needed": True})
    assert "run `advent migrate`" in advent("migrate", "--dry-run", REDIS_URL=up_to_date)[1]


def test_migrate_refuses_a_store_that_is_in_use(advent, tmp_path):
    data_dir = tmp_path / "data"
    store = EmbeddedStore(data_dir / "store")
    store.start()
    try:
        status, _, complained = advent("migrate", DATA_DIR=data_dir, **SECRET)
    finally:
        store.stop()

    assert status == 1
    assert "is in use" in complained
    assert len(complained.splitlines()) == 1


def test_migrate_restores_no_file_that_is_not_a_dump(advent, up_to_date, tmp_path):
    (tmp_path / "letter.txt").write_text("Dear Ada")

    status, _, complained = advent("migrate", "--restore", str(tmp_path / "letter.txt"), REDIS_URL=up_to_date)

    assert status == 1
    assert "is no dump of a store" in complained
    with connect(up_to_date) as client:
        assert client.get(keys.OPEN) == b"everything that waits"
