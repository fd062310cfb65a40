from pathlib import Path

import pytest

from common.domain.cadence import Pace
from common.settings.settings import Settings
from common.store.errors import StoreError
from services.supervisor.run_dir import with_store_url
from services.supervisor.sandbox_settings import with_sandbox
from services.supervisor.terminal import advent_command, in_words, pace_in_words, welcome


@pytest.mark.parametrize(
    ("pace", "words"),
    [
        (Pace(), "eleven days: e-mails at 0 d, 1 d, 3 d, 5 d, 7 d, 9 d, 11 d"),
        (
            Pace(testing=True),
            "eleven days in 6 minutes: e-mails at 0 min, 1 min, 2 min, 3 min, 4 min, 5 min, 6 min",
        ),
        (
            Pace(testing=True, speed=60),
            "eleven days in 6 seconds: e-mails at 0 s, 1 s, 2 s, 3 s, 4 s, 5 s, 6 s",
        ),
    ],
)
def test_the_pace_is_described_in_words(pace, words, campaign):
    assert pace_in_words(campaign, pace) == words


@pytest.mark.parametrize(
    ("ms", "words"),
    [
        (36_000, "36 seconds"),
        (1_000, "one second"),
        (90_000, "90 seconds"),
        (86_400_000, "one day"),
        (600, "0.6 seconds"),
    ],
)
def test_a_duration_is_described_in_the_largest_fitting_unit(ms, words):
    assert in_words(ms) == words


def test_sandbox_replaces_only_providers_without_a_key():
    settings = with_sandbox(Settings(resend_api_key="re_mine", sandbox_port=9002))

    assert (settings.resend_api_key, settings.resend_api_url) == ("re_mine", "https://api.resend.com")
    assert settings.notion_base_url == "http://127.0.0.1:9002/notion"
    assert (settings.resend_is_real, settings.notion_is_real) == (True, False)


SID = "AC" + "0" * 32


def test_sandbox_books_no_calls_that_a_real_twilio_would_announce():
    twilio = {"twilio_account_sid": SID, "twilio_auth_token": "t" * 32, "twilio_from": "+14165550100"}
    settings = with_sandbox(Settings(**twilio))

    assert (settings.calcom_api_key, settings.twilio_account_sid) == (None, SID)
    assert settings.sandboxed == {"resend", "notion"}


def test_test_mode_on_a_real_provider_names_its_recipients(campaign):
    settings = Settings(resend_api_key="re_mine", testing_mode=True, testing_recipients="example.com")

    headline = welcome(with_sandbox(settings), campaign, worker_url=None).splitlines()[0]

    assert headline.endswith("on the real Resend, which mails only to example.com")


@pytest.mark.parametrize(
    ("settings", "note"),
    [
        ({"console_token": "t" * 32}, "(log in with CONSOLE_TOKEN)"),
        ({"console_users": f"ada:full:{'a' * 64}"}, "(log in with your token of CONSOLE_USERS)"),
        ({}, "what needs a decision"),
    ],
)
def test_welcome_text_says_which_token_logs_in(campaign, settings, note):
    (line,) = [one for one in welcome(Settings(**settings), campaign, worker_url=None).splitlines() if "console" in one]

    assert line.endswith(note)


def test_missing_store_url_says_in_one_line_what_to_do(tmp_path):
    with pytest.raises(StoreError, match=r"REDIS_URL: unset, and no `advent up` .* set REDIS_URL, or start"):
        with_store_url(Settings(data_dir=tmp_path))


def test_data_dir_of_another_user_is_reported_as_unreadable(tmp_path, monkeypatch):
    def forbidden(path, **_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "stat", forbidden)  # The tests may run as root, who may read everything.

    with pytest.raises(StoreError, match=r"cannot be read \(Permission denied\); run this as the user of `advent up`"):
        with_store_url(Settings(data_dir=tmp_path))


def test_suggested_command_quotes_a_data_dir_with_spaces(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    assert advent_command(Settings(data_dir=tmp_path / "my data")).startswith("DATA_DIR='./my data' ")


def test_redis_url_is_used_unchanged(tmp_path):
    settings = Settings(data_dir=tmp_path, redis_url="redis://host")

    assert with_store_url(settings) is settings
