import json

import pytest

from common.settings.load import load_settings
from common.settings.settings import Settings
from services.supervisor import run_dir as run_dir
from services.supervisor.inherited_settings import plan_differences, shared_settings, with_inherited_settings
from services.supervisor.run_dir import RunDirectory, RunInfo

STORE = "unix:///tmp/a-store-of-up"


@pytest.fixture
def runs(tmp_path, monkeypatch):
    """Return a function that announces an `advent up` with these settings; every process id counts as one."""
    monkeypatch.setattr(run_dir, "command_of", lambda pid: "advent: up")

    own = RunDirectory(tmp_path)

    def runs(settings, *, store_url=STORE, more=None):
        running = RunInfo(
            pid=1,
            gateway_url=settings.gateway_url,
            sandbox_url=None,
            store_url=store_url,
            settings={**shared_settings(settings), **(more or {})},
        )
        own.announce(running)

    return runs


@pytest.fixture
def given(tmp_path):
    """Return a function that loads the settings of a command with this environment."""
    return lambda **environ: load_settings({"DATA_DIR": str(tmp_path), **environ}, env_file=tmp_path / ".env")


def test_an_unset_setting_is_taken_from_advent_up(runs, given):
    runs(Settings(testing_mode=True, campaign_speed=10, gateway_port=9000, sandbox_port=9002, retry_attempts=0))

    settings = with_inherited_settings(given())

    assert settings.pace.testing
    assert (settings.campaign_speed, settings.gateway_port, settings.retry_attempts) == (10, 9000, 0)
    assert settings.sandbox_url == "http://127.0.0.1:9002"
    assert plan_differences(given()) is None


def test_own_setting_wins_over_that_of_advent_up(runs, given, tmp_path):
    runs(Settings(testing_mode=True, campaign_speed=10, gateway_port=9000))
    (tmp_path / ".env").write_text("GATEWAY_PORT=8000\n")

    settings = with_inherited_settings(given(TESTING_MODE="false"))

    assert (settings.testing_mode, settings.gateway_port, settings.campaign_speed) == (False, 8000, 10)


def test_shared_provider_rates_are_inherited_from_advent_up(runs, given):
    runs(Settings(resend_requests_per_second=5, notion_requests_per_minute=60, twilio_requests_per_second=15))

    settings = with_inherited_settings(given())

    rates = (settings.resend_requests_per_second, settings.notion_requests_per_minute)
    assert (*rates, settings.twilio_requests_per_second) == (5, 60, 15)


def test_different_pace_is_reported_in_one_line_and_a_different_port_is_not(runs, given):
    runs(Settings(testing_mode=True, campaign_speed=10, gateway_port=9000))

    assert plan_differences(given(TESTING_MODE="true", CAMPAIGN_SPEED="10", GATEWAY_PORT="8000")) is None
    assert plan_differences(given(TESTING_MODE="false", CAMPAIGN_SPEED="60")) == (
        "settings differ from the running `advent up`: TESTING_MODE is false here and true there,"
        " CAMPAIGN_SPEED is 60 here and 10 there; this command uses the values from here"
    )


def test_a_process_keeps_its_own_address(runs, given):
    runs(Settings(testing_mode=True, worker_metrics_port=9999))

    settings = with_inherited_settings(given(), own=("metrics_host", "worker_metrics_port"))

    assert (settings.worker_metrics_port, settings.testing_mode) == (9191, True)


@pytest.mark.parametrize(
    ("theirs", "ours", "pace"), [(STORE, "redis://other", 1), (STORE, STORE, 10), (None, "redis://other", 10)]
)
def test_command_with_another_store_inherits_no_settings(runs, given, theirs, ours, pace):
    runs(Settings(campaign_speed=10), store_url=theirs)

    assert with_inherited_settings(given(REDIS_URL=ours)).campaign_speed == pace


def test_settings_of_an_ended_advent_up_are_not_inherited(runs, given, monkeypatch):
    runs(Settings(campaign_speed=10))
    monkeypatch.setattr(run_dir, "command_of", lambda pid: "another program")

    settings = given(CAMPAIGN_SPEED="2")

    assert with_inherited_settings(settings) is settings
    assert plan_differences(settings) is None


def test_settings_of_another_version_are_read_as_far_as_possible(runs, given):
    runs(Settings(campaign_speed=10), more={"of_the_future": 1})
    assert with_inherited_settings(given()).campaign_speed == 10

    runs(Settings(campaign_speed=10), more={"testing_mode": "perhaps"})
    assert with_inherited_settings(given()).campaign_speed == 1


def test_inherited_campaigns_dir_works_from_another_folder(runs, given, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    runs(Settings(campaigns_dir="mine"))
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir("elsewhere")

    assert with_inherited_settings(given()).campaigns_dir == tmp_path / "mine"


def test_no_secret_is_shared(runs, tmp_path):
    secrets = {
        name: f"whsec_{'a' * 40}"
        for name in ("webhook_secret", "resend_webhook_secret", "secret_key", "console_token", "resend_api_key")
    }
    runs(Settings(**secrets, testing_recipients="ada@example.com", redis_url="redis://:pa55@h"), store_url=None)

    text = (tmp_path / "run" / "up.json").read_text()

    assert not any(secret in text for secret in ("whsec_", "ada@", "pa55"))
    assert json.loads(text)["settings"].keys() >= {"testing_mode", "gateway_port", "allow_unsigned_webhooks"}
