import pytest

from common.settings.load import load_settings
from common.settings.settings import SETTING_NAMES, Settings, SettingsError

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


@pytest.fixture
def load(tmp_path):
    """Return a function that loads settings from a dictionary and the text of a `.env`."""

    def load(environ=(), dotenv=""):
        (tmp_path / ".env").write_text(dotenv)
        return load_settings(dict(environ), env_file=tmp_path / ".env")

    return load


def problems_of(load, environ, dotenv=""):
    with pytest.raises(SettingsError) as refusal:
        load(environ, dotenv)
    return refusal.value.problems


def test_settings_default_to_the_sandbox_at_production_pace(load):
    settings = load()

    assert (settings.testing_mode, settings.campaign_speed, settings.campaign_keys) == (False, 1, ("christmas_2025",))
    assert not settings.is_real


def test_the_environment_wins_over_the_file_and_values_are_trimmed(load):
    settings = load({"CAMPAIGN_SPEED": " 60 "}, dotenv="CAMPAIGN_SPEED=10\nTESTING_MODE= true \n")

    assert (settings.campaign_speed, settings.testing_mode) == (60, True)


def test_empty_setting_counts_as_unset(load):
    assert load({"REDIS_URL": "", "SECRET_KEY": "  "}, dotenv="SECRET_KEY=kept\n").secret_key == "kept"


def test_names_may_come_in_any_case_and_the_upper_case_one_wins(load):
    assert load({"testing_mode": "true"}).testing_mode
    assert load({"testing_mode": "maybe", "TESTING_MODE": "false"}).testing_mode is False


def test_any_setting_may_come_from_a_file(load, tmp_path):
    (tmp_path / "secret").write_text(f"{SECRET}\n")

    assert load({"WEBHOOK_SECRET_FILE": str(tmp_path / "secret")}).webhook_secrets == (SECRET,)


def test_a_file_in_the_environment_wins_over_a_value_in_the_dot_env(load, tmp_path):
    (tmp_path / "key").write_text("from the file")

    assert load({"SECRET_KEY_FILE": str(tmp_path / "key")}, dotenv="SECRET_KEY=old\n").secret_key == "from the file"


@pytest.mark.parametrize(
    ("content", "says"), [(None, "cannot be read"), (b"", "is empty"), (b"\xff\xfe\x00", "is not text")]
)
def test_a_file_that_gives_no_value_is_named(load, tmp_path, content, says):
    if content is not None:
        (tmp_path / "key").write_bytes(content)

    [line] = problems_of(load, {"SECRET_KEY_FILE": str(tmp_path / "key")})

    assert line.startswith("SECRET_KEY_FILE: ")
    assert says in line


def test_secret_given_both_as_a_value_and_as_a_file_is_refused(load):
    [line] = problems_of(load, {"SECRET_KEY": "a", "SECRET_KEY_FILE": "/b"})

    assert line == "SECRET_KEY: both SECRET_KEY and SECRET_KEY_FILE are set; set only one of them"


def test_settings_built_directly_do_not_read_the_environment(monkeypatch):
    monkeypatch.setenv("TESTING_MODE", "true")

    assert Settings().testing_mode is False
    assert load_settings().testing_mode is True


WRONG = [
    ("TESTING_MODE", "maybe", "neither true nor false"),
    ("TESTING_MODE", "yes", "neither true nor false"),
    ("ALLOW_UNSIGNED_WEBHOOKS", "2", "neither true nor false"),
    ("REDIS_URL", "http://localhost", "not the address of a data store"),
    ("REDIS_URL", "redis://", "not the address of a data store"),
    ("REDIS_URL", "redis://host:99999", "not the address of a data store"),
    ("REDIS_URL", "redis://host/not-a-number", "not the address of a data store"),
    ("REDIS_URL", "unix://", "not the address of a data store"),
    ("REDIS_URL", "sentinel://a:1,b:2", "not the address of a data store"),
    ("REDIS_URL", "sentinel://a:port/main", "not the address of a data store"),
    ("REDIS_URL", "localhost:6379", "not the address of a data store"),
    ("GATEWAY_PORT", "0", "out of range"),
    ("GATEWAY_PORT", "65536", "out of range"),
    ("GATEWAY_PORT", "http", "not a whole number"),
    ("SANDBOX_PORT", "80.5", "not a whole number"),
    ("GATEWAY_HOST", "http://localhost", "not a host"),
    ("CAMPAIGN_SPEED", "0", "out of range"),
    ("CAMPAIGN_SPEED", "-1", "out of range"),
    ("CAMPAIGN_SPEED", "nan", "out of range"),
    ("CAMPAIGN_SPEED", "inf", "out of range"),
    ("CAMPAIGN_SPEED", "fast", "not a number"),
    ("RETRY_ATTEMPTS", "-1", "out of range"),
    ("RETRY_DELAY_SECONDS", "-0.1", "out of range"),
    ("NOTION_REQUESTS_PER_MINUTE", "0", "out of range"),
    ("RESEND_REQUESTS_PER_SECOND", "0", "out of range"),
    ("PUBLIC_URL", "advent.example", "not a web address"),
    ("PUBLIC_URL", "https://", "not a web address"),
    ("PUBLIC_URL", "https://advent.example/?via=mail", "has a ? or a #"),
    ("RESEND_API_URL", "https://api.example#emails", "has a ? or a #"),
    ("NOTION_BASE_URL", "ftp://notion", "not a web address"),
    ("BOOKING_URL", 'https://x/"onclick', "not a web address"),
    ("TRUSTED_PROXIES", "10.0.0.0/8,office", "'office' is not a network"),
    ("TESTING_RECIPIENTS", "ada@example.com, not an address", "entry 2 is neither an address nor a domain"),
    ("NOTION_BUSINESSX_DB_ID", "your-id-here", "not a Notion id"),
    ("EMAIL_FROM", "Sarah", "not a sender"),
    ("WEBHOOK_SECRET", "hunter2", "does not begin with whsec_"),
    ("WEBHOOK_SECRET", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLa-_", "not base64"),
    ("WEBHOOK_SECRET", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaS", "not base64"),
    ("WEBHOOK_SECRET", "whsec_c2hvcnQ=", "has only 5 bytes"),
    ("RESEND_WEBHOOK_SECRET", f"{SECRET},whsec_%", "secret 2 of 2 is not base64"),
    ("CAMPAIGN", "../../etc", "not a campaign's name"),
    ("LOG_FORMAT", "xml", "set one of json, console"),
    ("LOG_LEVEL", "loud", "set one of DEBUG, INFO, WARNING, ERROR, CRITICAL"),
]


@pytest.mark.parametrize(("name", "value", "says"), WRONG)
def test_a_wrong_value_is_one_line_that_names_the_setting_and_the_cure(load, name, value, says):
    [line] = problems_of(load, {name: value})

    assert line.startswith(f"{name}: ")
    assert says in line
    assert "set " in line
    assert "\n" not in line


@pytest.mark.parametrize(
    "environ",
    [
        {"WEBHOOK_SECRET": "whsec_hunter2-"},
        {"RESEND_WEBHOOK_SECRET": "hunter2"},
        {"REDIS_URL": "redis://:hunter2@host:port/"},
        {"HOT_LEAD_WEBHOOK_URL": "discord.com/hunter2"},
        {"NOTION_TOKEN": "hunter2"},
        {"RESEND_API_KEY": "hunter2"},
    ],
)
def test_a_secret_is_never_repeated(load, environ):
    assert "hunter2" not in "\n".join(problems_of(load, environ))


def test_all_wrong_settings_are_reported_at_once(load):
    lines = problems_of(load, {"TESTING_MODE": "maybe", "CAMPAIGN_SPEED": "0", "SECRET_KEY_FILE": "/nowhere"})

    assert [line.partition(":")[0] for line in lines] == ["SECRET_KEY_FILE", "TESTING_MODE", "CAMPAIGN_SPEED"]


@pytest.mark.parametrize(
    "url",
    [
        "redis://localhost",
        "redis://user:p%40ss@host:6379/0?timeout=3",
        "rediss://host:6380/1",
        "unix:///run/valkey.sock",
        "sentinel://a:26379,b:26379,c/main",
        "sentinel://user:pass@a:26379/my-primary",
        "redis://[::1]:6379",
    ],
)
def test_every_form_of_store_url_is_accepted(load, url):
    assert load({"REDIS_URL": url}).redis_url == url


@pytest.mark.parametrize("value", ["true", "TRUE", "True", "1"])
def test_true_is_accepted_in_any_case(load, value):
    assert load({"TESTING_MODE": value}).testing_mode is True


@pytest.mark.parametrize(
    "pasted",
    [
        "1f2e3d4c5b6a798800112233445566aa",
        "1F2E3D4C-5B6A-7988-0011-2233445566AA",
        "https://www.notion.so/acme/Email-Sequence-1f2e3d4c5b6a798800112233445566aa?v=00000000000000000000000000000000",
        "https://app.notion.com/1f2e3d4c-5b6a-7988-0011-2233445566aa",
    ],
)
def test_a_notion_database_is_an_id_or_a_pasted_url(load, pasted):
    settings = load({"NOTION_EMAIL_SEQUENCE_DB_ID": pasted})

    assert settings.notion_email_sequence_db_id == "1f2e3d4c-5b6a-7988-0011-2233445566aa"


def test_every_setting_has_a_name_in_the_environment():
    assert {"REDIS_URL", "TESTING_RECIPIENTS", "LOG_LEVEL"} < set(SETTING_NAMES)
    assert "SANDBOXED" not in SETTING_NAMES


def test_several_campaigns_are_read_in_their_order(load):
    settings = load({"CAMPAIGNS": "new_year_2026, christmas_2025"})

    assert settings.campaign_keys == ("new_year_2026", "christmas_2025")


def test_older_setting_named_campaign_selects_one_campaign(load):
    assert load({"CAMPAIGN": "new_year_2026"}).campaign_keys == ("new_year_2026",)


@pytest.mark.parametrize("names", ["a,a", ",", "a/b"])
def test_invalid_campaign_names_are_refused(load, names):
    with pytest.raises(SettingsError, match=r"^CAMPAIGNS: "):
        load({"CAMPAIGNS": names})


def test_settings_campaign_and_campaigns_together_are_refused(load):
    with pytest.raises(SettingsError, match=r"^CAMPAIGN: .*unset CAMPAIGN$"):
        load({"CAMPAIGNS": "a", "CAMPAIGN": "b"})
