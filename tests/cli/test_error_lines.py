import pytest

from common.errors import Misconfigured, Transient
from common.providers.http import measured
from common.settings.settings import Settings
from services.cli.error_lines import provider_error_line
from services.supervisor.sandbox_settings import with_sandbox


def asked_in_vain(provider, failure):
    with pytest.raises(type(failure)) as raised, measured(provider):
        raise failure
    return raised.value


@pytest.mark.parametrize(
    ("provider", "name"), [("resend", "Resend"), ("notion", "Notion"), ("calcom", "Cal.com"), ("twilio", "Twilio")]
)
def test_unreachable_sandbox_is_named_with_its_address_and_settings(provider, name):
    failure = asked_in_vain(provider, Transient("connect", "nothing was sent"))

    assert provider_error_line(failure, with_sandbox(Settings(sandbox_port=9002))) == (
        f"the sandbox, which takes the place of {name}, does not answer at http://127.0.0.1:9002;"
        " start `advent up` or `advent sandbox`, or set SANDBOX_HOST and SANDBOX_PORT to their values"
    )


@pytest.mark.parametrize(
    ("provider", "words"),
    [
        ("resend", "Resend cannot be reached at resend.example:8443; check the network, or correct RESEND_API_URL"),
        ("notion", "Notion cannot be reached at api.notion.com; check the network, or correct NOTION_BASE_URL"),
        ("twilio", "Twilio cannot be reached at api.twilio.com; check the network, or correct TWILIO_API_URL"),
    ],
)
def test_unreachable_provider_is_named_without_the_path_of_its_url(provider, words):
    settings = Settings(
        resend_api_key="re_1",
        notion_token="n",
        twilio_account_sid=f"AC{'0' * 32}",
        resend_api_url="https://resend.example:8443/t0ken",
    )
    failure = asked_in_vain(provider, Transient("connect", "nothing was sent"))

    assert provider_error_line(failure, with_sandbox(settings)) == words


def test_a_refusal_names_the_provider_and_the_cure():
    failure = asked_in_vain("resend", Misconfigured("invalid_api_key", "API key is invalid", status=403))

    output = provider_error_line(failure, Settings())

    assert output.startswith("Resend failed (invalid_api_key: API key is invalid); ")
    assert "RESEND_API_KEY" in output


def test_provider_error_found_by_advent_is_printed_unchanged():
    lacking = 'Notion database Email Sequence: the property "Email" (email) is missing: `advent check --fix` adds it'

    assert provider_error_line(Misconfigured("columns", lacking), Settings()) == lacking
