import hashlib
import hmac
import json
import shlex

import pytest
from standardwebhooks import Webhook

WEBSITE = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
OLD = "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"


def curl(output):
    """Return (headers, file, url) of a printed curl command, as a shell would read it."""
    words = shlex.split(output.replace("\\\n", " "))
    assert words[0] == "curl"
    headers = dict(words[i + 1].split(": ", 1) for i, word in enumerate(words) if word == "--header")
    return headers, words[words.index("--data-binary") + 1].removeprefix("@"), words[-1]


@pytest.fixture
def file(tmp_path):
    file = tmp_path / "it's a file.json"
    file.write_text('{"email": "ada@example.com"}\n')
    return file


def test_signup_is_signed_like_the_website_with_the_newest_secret(advent, file):
    _, output, _ = advent("sign", "signup", str(file), WEBHOOK_SECRET=f"{WEBSITE},{OLD}")

    headers, posted, url = curl(output)
    assert (posted, url) == (str(file), "http://127.0.0.1:8000/webhook/christmas-signup")
    assert Webhook(WEBSITE).verify(file.read_text(), headers) == {"email": "ada@example.com"}
    assert headers["Content-Type"] == "application/json"


def test_a_delivery_event_is_signed_as_resend_signs(advent, file):
    _, output, _ = advent("sign", "resend", str(file), RESEND_WEBHOOK_SECRET=WEBSITE)

    headers, _, url = curl(output)
    assert url.endswith("/webhook/resend")
    renamed = {name.replace("svix-", "webhook-"): value for name, value in headers.items()}
    assert Webhook(WEBSITE).verify(file.read_text(), renamed)


def test_a_booking_is_signed_as_cal_com_signs(advent, file):
    _, output, _ = advent("sign", "calcom", str(file), CALCOM_WEBHOOK_SECRET="s3cret")

    headers, _, url = curl(output)
    assert url.endswith("/webhook/calcom-booking")
    assert headers["X-Cal-Signature-256"] == hmac.new(b"s3cret", file.read_bytes(), hashlib.sha256).hexdigest()


def test_a_file_that_is_not_json_is_signed_with_a_warning(advent, tmp_path):
    file = tmp_path / "cut.json"
    file.write_bytes(b'{"email": "ada@')

    status, output, errors = advent("sign", "signup", str(file), WEBHOOK_SECRET=WEBSITE)

    assert (status, errors) == (0, f"advent: {file} is not JSON; the gateway will refuse it\n")
    assert curl(output)[1] == str(file)


def test_file_called_dash_is_posted_and_not_stdin(advent, tmp_path):
    (tmp_path / "-").write_text("{}")

    _, output, _ = advent("sign", "signup", "-", WEBHOOK_SECRET=WEBSITE)

    assert curl(output)[1] == "./-"


def test_signing_a_missing_file_is_wrong_use(advent):
    assert advent("sign", "signup", "nowhere.json")[0] == 2


def test_try_posts_a_signed_sample_and_prints_where_to_watch_it(advent, gateway):
    gateway.answer = {"status": "accepted", "segment": "URGENT", "enrollment_id": "enr_1"}

    status, output, _ = advent("try", WEBHOOK_SECRET=WEBSITE, GATEWAY_PORT=gateway.port, SANDBOX_PORT=9002)

    [(path, headers, body)] = gateway.requests
    assert status == 0
    assert path == "/webhook/christmas-signup"
    person = Webhook(WEBSITE).verify(body, {name.lower(): value for name, value in headers.items()})
    assert person["email"].endswith("@example.com")
    assert f"http://127.0.0.1:9002/inbox?to={person['email'].replace('@', '%40')}" in output
    assert f"contact {person['email']}" in output


def test_try_invents_a_new_person_each_time_or_uses_the_given_address(advent, gateway):
    gateway.answer = {"status": "accepted", "segment": "URGENT", "enrollment_id": "enr_1"}

    advent("try", GATEWAY_PORT=gateway.port, WEBHOOK_SECRET=WEBSITE)
    advent("try")
    _, output, _ = advent("try", "--email", "boris@example.org", "--json")

    addresses = [json.loads(body)["email"] for _, _, body in gateway.requests]
    assert len(set(addresses)) == 3
    assert json.loads(output)["email"] == "boris@example.org"


def test_try_signs_a_person_up_for_the_named_campaign(advent, gateway):
    gateway.answer = {"status": "accepted", "segment": "SOLO", "enrollment_id": "enr_1"}

    status, output, _ = advent(
        "try", "--campaign", "new_year_2026", GATEWAY_PORT=gateway.port, WEBHOOK_SECRET=WEBSITE, SANDBOX_PORT=9002
    )

    [(path, _, body)] = gateway.requests
    person = json.loads(body)
    assert (status, path) == (0, "/webhook/signup/new_year_2026")
    assert {"email", "first_name", "business_name", "monthly_revenue", "team_size", "main_goal"} <= person.keys()
    assert person["locale"] in ("en-CA", "fr-CA")
    assert "SOLO" in output


def test_try_says_that_a_campaign_is_closed(advent, gateway):
    gateway.answer = {"status": "closed", "message": "The campaign is not open.", "segment": None}

    status, output, _ = advent(
        "try", "--campaign", "new_year_2026", "--email", "boris@example.org", GATEWAY_PORT=gateway.port,
        WEBHOOK_SECRET=WEBSITE,
    )  # fmt: skip

    assert (status, output) == (0, "boris@example.org: The campaign is not open.\n")


def test_try_of_an_unknown_campaign_names_the_known_ones(advent, gateway):
    status, _, errors = advent("try", "--campaign", "easter", GATEWAY_PORT=gateway.port, WEBHOOK_SECRET=WEBSITE)

    assert status == 1
    assert "christmas_2025, new_year_2026" in errors
    assert gateway.requests == []


def test_try_without_a_gateway_is_reported_in_one_line(advent):
    status, _, errors = advent("try", GATEWAY_PORT=1)

    assert status == 1
    assert errors.startswith("advent: no gateway answers at http://127.0.0.1:1 (")
    assert len(errors.splitlines()) == 1


def test_try_and_sign_write_nothing_where_nothing_runs(advent, file, tmp_path):
    before = set(tmp_path.rglob("*"))

    advent("try", GATEWAY_PORT=1)
    status, _, errors = advent("sign", "signup", str(file))

    assert (status, errors) == (
        1,
        "advent: WEBHOOK_SECRET: unset, so nothing can be signed; set it to the gateway's value, or start `advent up`,"
        " which generates one\n",
    )
    assert set(tmp_path.rglob("*")) == before


def test_try_and_sign_use_the_secrets_of_advent_up(advent, gateway, file, tmp_path):
    gateway.answer = {"status": "accepted", "segment": "URGENT", "enrollment_id": "enr_1"}
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "secrets.env").write_text(f"WEBHOOK_SECRET={WEBSITE}\n")

    assert advent("try", GATEWAY_PORT=gateway.port)[0] == 0
    [(_, headers, body)] = gateway.requests
    assert Webhook(WEBSITE).verify(body, {name.lower(): value for name, value in headers.items()})
    assert advent("sign", "signup", str(file))[0] == 0


def test_try_shows_why_the_gateway_refused(advent, gateway):
    gateway.status, gateway.answer = (
        422,
        {"title": "Unprocessable", "errors": [{"field": "email", "message": "is bad"}]},
    )

    status, _, errors = advent("try", GATEWAY_PORT=gateway.port, WEBHOOK_SECRET=WEBSITE)

    assert status == 1
    assert errors == "advent: the gateway answered 422: Unprocessable · email: is bad\n"


def test_try_with_a_real_resend_requires_an_address(advent):
    real = {
        "RESEND_API_KEY": "re_1",
        "SECRET_KEY": "a key of sixteen bytes or more",
        "ALLOW_UNSIGNED_WEBHOOKS": "true",
        "EMAIL_FROM": "a@example.com",
        "EMAIL_POSTAL_ADDRESS": "1 Main Street",
        "PUBLIC_URL": "https://advent.example.com",
        "BOOKING_URL": "https://cal.com/a",
    }

    status, _, errors = advent("try", **real)

    assert status == 2
    assert "--email" in errors
