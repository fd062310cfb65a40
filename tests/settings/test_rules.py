from pathlib import Path

import pytest

from common.settings.load import load_settings
from common.settings.rules import warnings_of
from common.settings.settings import Settings, SettingsError

CASES = Path(__file__).parents[1] / "fixtures" / "cases"
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
NOTION_ID = "1f2e3d4c5b6a798800112233445566aa"
REAL = {
    "RESEND_API_KEY": "re_123",
    "NOTION_TOKEN": "ntn_123",
    "NOTION_EMAIL_SEQUENCE_DB_ID": NOTION_ID,
    "NOTION_BUSINESSX_DB_ID": NOTION_ID,
    "SECRET_KEY": "a key of thirty-two characters now",
    "WEBHOOK_SECRET": SECRET,
    "CALCOM_WEBHOOK_SECRET": "a secret of a calendar",
    "RESEND_WEBHOOK_SECRET": SECRET,
    "EMAIL_FROM": "Sarah <sarah@example.com>",
    "EMAIL_POSTAL_ADDRESS": "1 Main Street, Toronto",
    "BOOKING_URL": "https://cal.com/sarah/call",
    "PUBLIC_URL": "https://advent.example.com",
}


def load(environ, nowhere):
    return load_settings(environ, env_file=nowhere)


@pytest.fixture
def nowhere(tmp_path):
    return tmp_path / ".env"


def test_required_settings_are_enough_for_real_providers(nowhere):
    assert load(REAL, nowhere).is_real


@pytest.mark.parametrize("missing", sorted(set(REAL) - {"RESEND_API_KEY", "NOTION_TOKEN"}))
def test_missing_required_setting_is_refused_with_real_providers(missing, nowhere):
    with pytest.raises(SettingsError) as refusal:
        load({name: value for name, value in REAL.items() if name != missing}, nowhere)

    [line] = refusal.value.problems
    assert line.startswith(f"{missing}: unset, but ")


@pytest.mark.parametrize("missing", ["SECRET_KEY", "WEBHOOK_SECRET", "CALCOM_WEBHOOK_SECRET"])
def test_real_twilio_alone_needs_the_secrets_too(missing, nowhere):
    given = {name: REAL[name] for name in ("SECRET_KEY", "WEBHOOK_SECRET", "CALCOM_WEBHOOK_SECRET")}
    twilio = {
        "TWILIO_ACCOUNT_SID": "AC" + "0" * 32,
        "TWILIO_AUTH_TOKEN": "a token of Twilio",
        "TWILIO_FROM": "+14165550100",
    }
    assert load(given | twilio, nowhere).twilio_is_real
    del given[missing]

    with pytest.raises(SettingsError, match=f"^{missing}: unset, but a real provider"):
        load(given | twilio, nowhere)


def test_simulated_provider_on_this_machine_needs_no_sender(nowhere):
    sender = {"EMAIL_FROM", "EMAIL_POSTAL_ADDRESS", "BOOKING_URL", "PUBLIC_URL"}
    given = {name: value for name, value in REAL.items() if name not in sender}

    assert load({**given, "RESEND_API_URL": "http://127.0.0.1:9000"}, nowhere).identity.sender


@pytest.mark.parametrize(
    ("url", "fault"),
    [
        ("http://advent.example.com", "is not https"),
        ("https://localhost:8000", "leads nowhere but to this machine"),
        ("https://127.0.0.1", "leads nowhere but to this machine"),
        ("https://[::1]:8000", "leads nowhere but to this machine"),
    ],
)
def test_public_url_that_readers_of_real_mail_cannot_reach_is_refused(url, fault, nowhere):
    with pytest.raises(SettingsError) as refusal:
        load({**REAL, "PUBLIC_URL": url}, nowhere)

    [line] = refusal.value.problems
    assert line.startswith(f"PUBLIC_URL: {url} {fault}")
    tested = load({**REAL, "PUBLIC_URL": url, "TESTING_MODE": "true"}, nowhere)
    assert warnings_of(tested) == [line]


def test_rehearsal_on_a_real_provider_warns_of_a_missing_public_url(nowhere):
    given = {name: value for name, value in REAL.items() if name != "PUBLIC_URL"} | {"TESTING_MODE": "true"}

    [line] = warnings_of(load(given, nowhere))
    assert line.startswith("PUBLIC_URL: unset")
    assert warnings_of(load({"TESTING_MODE": "true"}, nowhere)) == []


@pytest.mark.parametrize("case", sorted(CASES.glob("e06_*.env")), ids=lambda path: path.stem)
def test_sender_that_parses_as_several_addresses_is_refused_with_its_quoted_form(case, nowhere):
    name, _, value = case.read_text().strip().partition("=")
    shown, address = value.split(" <")

    with pytest.raises(SettingsError) as refusal:
        load({**REAL, name: value}, nowhere)

    [line] = refusal.value.problems
    assert line.startswith("EMAIL_FROM: ")
    assert line.endswith(f'put it in quotes: "{shown}" <{address}')
    assert load({**REAL, name: f'"{shown}" <{address}'}, nowhere).identity.sender_name == shown


@pytest.mark.parametrize(
    ("hosts", "url", "may"),
    [
        (None, "https://app.cal.com/video/x", True),
        (None, "https://us02web.zoom.us/j/1", True),
        (None, "https://evil.example/zoom.us", False),
        (None, "https://zoom.us@evil.example", False),
        (None, "https://evil.example\\@zoom.us/", False),
        (None, "https://notzoom.us", False),
        (None, "javascript:alert(1)//zoom.us", False),
        ("meet.example.com, Other.example", "https://MEET.example.com:8443/x", True),
        ("*.example.com", "https://a.b.example.com/x", True),
        ("meet.example.com", "https://zoom.us/j/1", False),
    ],
)
def test_a_meeting_link_leads_to_known_hosts_only(hosts, url, may, nowhere):
    settings = load({"MEETING_HOSTS": hosts} if hosts else {}, nowhere)

    assert settings.may_link_to(url) == may


def test_unsigned_webhooks_must_be_allowed_explicitly(nowhere):
    secrets = {"WEBHOOK_SECRET", "CALCOM_WEBHOOK_SECRET", "RESEND_WEBHOOK_SECRET"}
    unsigned = {name: value for name, value in REAL.items() if name not in secrets}

    with pytest.raises(SettingsError):
        load(unsigned, nowhere)
    assert load({**unsigned, "ALLOW_UNSIGNED_WEBHOOKS": "true"}, nowhere).webhook_secrets == ()


def test_two_servers_on_one_port_are_refused(nowhere):
    with pytest.raises(SettingsError, match="SANDBOX_PORT: 8000 is also GATEWAY_PORT"):
        load({"SANDBOX_PORT": "8000"}, nowhere)


@pytest.mark.parametrize(
    ("recipients", "address", "may"),
    [
        ("", "ada@example.com", False),
        ("ada@example.com", "Ada@Example.com", True),
        ("ada@example.com", "boris@example.com", False),
        ("example.com", "boris@example.com", True),
        ("@example.com", "boris@example.com", True),
        ("example.com", "boris@mail.example.com", False),
        ("example.com", "boris@notexample.com", False),
        ("boris@other.org, example.com", "boris@other.org", True),
        ("*", "anybody@anywhere.org", True),
    ],
)
def test_a_rehearsal_on_a_real_provider_mails_only_to_its_list(recipients, address, may, nowhere):
    settings = load({**REAL, "TESTING_MODE": "true", "TESTING_RECIPIENTS": recipients}, nowhere)

    assert settings.may_mail(address) is may


def test_testing_recipients_limit_neither_the_sandbox_nor_the_real_campaign(nowhere):
    assert load({"TESTING_MODE": "true"}, nowhere).may_mail("ada@example.com")
    assert load(REAL, nowhere).may_mail("ada@example.com")


def test_public_address_is_that_of_the_gateway_until_public_url_is_set():
    assert Settings(gateway_port=9000).public_address == "http://127.0.0.1:9000"
    assert Settings(gateway_host="0.0.0.0").public_address == "http://127.0.0.1:8000"
    assert Settings(gateway_host="::1").public_address == "http://[::1]:8000"
    assert Settings(public_url="https://advent.example/").public_address == "https://advent.example"


def test_sandbox_has_a_default_sender_and_a_configured_sender_is_used_unchanged(nowhere):
    assert Settings().identity.sender.endswith(".example>")
    assert load(REAL, nowhere).identity.sender_name == "Sarah"


def test_secret_may_be_a_list_while_it_rotates():
    settings = Settings(webhook_secret=f"{SECRET} , {SECRET}", calcom_webhook_secret="new,old")

    assert settings.webhook_secrets == (SECRET, SECRET)
    assert settings.calcom_webhook_secrets == ("new", "old")


def test_networks_of_proxies_are_parsed():
    networks = Settings(trusted_proxies="10.0.0.1/8, 2001:db8::/32,192.0.2.7").trusted_networks

    assert [str(network) for network in networks] == ["10.0.0.0/8", "2001:db8::/32", "192.0.2.7/32"]


LOOPBACK = {"RESEND_API_URL": "http://127.0.0.1:9000", "NOTION_BASE_URL": "http://localhost:9001"}
WEAK = {
    "SECRET_KEY": ("fifteen letters", "has only 15 bytes"),
    "CONSOLE_TOKEN": ("a" * 40, "repeats one letter"),
    "CALCOM_WEBHOOK_SECRET": ("a secret of a calendar,short", "has only 5 bytes"),
    "WEBHOOK_SECRET": ("whsec_" + "YWFh" * 8, "repeats one letter"),
    "RESEND_WEBHOOK_SECRET": ("whsec_" + "AAAA" * 8, "repeats one letter"),
    "TRUSTED_PROXIES": ("10.0.0.0/8,0.0.0.0/0", "trusts every address"),
    "RESEND_APIKEY": ("re_1", "no setting, and one letter off RESEND_API_KEY"),
    "RETRY_ATEMPTS": ("1", "no setting, and one letter off RETRY_ATTEMPTS"),
    "EMIAL_REPLY_TO": ("a@example.com", "no setting, and one letter off EMAIL_REPLY_TO"),
    "CONSOLE_TOKEN_FIL": ("/run/x", "no setting, and one letter off CONSOLE_TOKEN_FILE"),
}


@pytest.mark.parametrize("name", WEAK)
def test_value_that_is_safe_only_on_the_sandbox_is_refused_with_a_real_provider(name, nowhere):
    value, fault = WEAK[name]

    with pytest.raises(SettingsError) as refusal:
        load({**REAL, name: value}, nowhere)

    [line] = refusal.value.problems
    assert line.startswith(f"{name}: {fault}")
    assert value not in line
    if name != "RESEND_APIKEY":
        load({**REAL, **LOOPBACK, name: value}, nowhere)


@pytest.mark.parametrize(
    "halves", ["0.0.0.0/1,128.0.0.0/1", "::/1, 8000::/1", "10.0.0.0/8,128.0.0.0/1,0.0.0.0/2,64.0.0.0/2"]
)
def test_proxy_networks_that_together_cover_every_address_are_refused(halves, nowhere):
    with pytest.raises(SettingsError, match=r"^TRUSTED_PROXIES: trusts every address"):
        load({**REAL, "TRUSTED_PROXIES": halves}, nowhere)


def test_proxy_networks_that_cover_half_of_all_addresses_are_accepted(nowhere):
    assert load({**REAL, "TRUSTED_PROXIES": "0.0.0.0/1,8000::/1"}, nowhere).trusted_networks


def test_misspelled_key_of_a_provider_is_refused_and_does_not_select_the_sandbox(nowhere):
    with pytest.raises(SettingsError, match="NOTION_TOKENS: no setting, and one letter off NOTION_TOKEN"):
        load({"NOTION_TOKENS": "ntn_1"}, nowhere)


def test_environment_variables_of_other_programs_are_ignored(nowhere):
    others = {"PATH": "/bin", "WORKERS": "2", "COMPOSE_PROFILES": "x", "REDIS_HOST": "r", "HOST": "h", "PORT": "1"}

    assert load({**REAL, **others}, nowhere).is_real
