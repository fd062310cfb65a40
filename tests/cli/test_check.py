import json

import pytest

from common.store.clients import connect


def test_a_fresh_checkout_has_no_problems(advent):
    status, output, _ = advent("check", SANDBOX_PORT=1)

    assert status == 0
    assert "no problems" in output


def test_check_prints_one_line_for_each_problem_and_exits_with_1(advent):
    status, output, _ = advent("check", "--json", RESEND_API_KEY="re_1")

    data = json.loads(output)
    assert status == 1
    assert "SECRET_KEY" in {line.partition(":")[0] for line in data["problems"]}


def test_store_that_may_lose_writes_does_not_pass_the_check(advent, store_url):
    with connect(store_url) as client:
        client.config_set("appendfsync", "everysec")
        try:
            status, output, _ = advent("check", REDIS_URL=store_url, SANDBOX_PORT=1)
            accepted, _, _ = advent("check", "--accept-store-loss")
        finally:
            client.config_set("appendfsync", "always")

    assert (status, accepted) == (1, 0)
    assert "set appendfsync always" in output


def test_check_names_an_unreachable_store_without_its_password(advent):
    status, output, _ = advent("check", REDIS_URL="redis://:pa55@127.0.0.1:1", SANDBOX_PORT=1)

    assert status == 1
    assert "REDIS_URL: redis://127.0.0.1:1 does not answer" in output
    assert "pa55" not in output


@pytest.mark.parametrize("name", ["easter"])
def test_check_names_an_unknown_campaign(advent, name):
    status, output, _ = advent("check", CAMPAIGN=name, SANDBOX_PORT=1)

    assert status == 1
    assert "CAMPAIGN=easter" in output
