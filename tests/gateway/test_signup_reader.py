"""The fast reader of ordinary signups accepts nothing that the general reader would refuse or change."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import example, given, settings
from hypothesis import strategies as st

from services.gateway.ordinary_signup import read_ordinary_signup
from services.gateway.validation.signup_shape import Signup
from services.gateway.webhooks.signup_form import read_signup
from services.web.problem import Problem
from tests.gateway.conftest import person

UNHURRIED = settings(max_examples=300)
NUMBERS = [0, 1, 8, 9, 42, 99, 100, 101, -1, -0.0, 0.5, 72.5, 100.0, 1e2, 1e12, 10**12, 10**12 + 1, 1e400, 10**400]
TEXTS = [
    *(
        "",
        " ",
        "GPS",
        "72",
        "true",
        "Salon Ada",
        "Zoë & Søn, 美容室",
        "two  spaces",
        " before",
        "after ",
        "a\tb",
        "\x00",
        "\x7f",
        "\x85",
    ),
    *(
        "a\u00a0b",
        "a\u2028b",
        "\u200d",
        "\u202e",
        "e\u0301",
        "💇‍♀️",
        "\ufeff",
        "\ud800",
        "10:30",
        '"quoted"',
        "\\",
        "x" * 200,
    ),
    *(
        "x" * 201,
        "Ann Mary Lou Sue Bea Zoë",
        "null",
        "evil.example",
        "evil-dot com",
        "2026-11-29T10:00:00.000Z",
        "2026-02-30T10:00:00Z",
        "https://site.example/a:b",
        "und",
        "x" * 500,
        "x" * 501,
        "America/Toronto",
        "america/toronto",
        "UTC",
        "Mars/Olympus",
        "en",
        "en-CA",
        "en_CA",
    ),
    *("ada@example.org", "Ada@example.org", " ada@example.org", "a.b+c_d@e-f.example.co", "a..b@example.org"),
    *("a'b@example.org", "ada@-example.org", "ada@127.0.0.1", "ada@xn--e1afmkfd.xn--p1ai", "\u212ada@example.org"),
    *(
        "a" * 64 + "@example.org",
        "a" * 65 + "@example.org",
        "a@" + "b." * 97 + "org",
        "a@" + "b" * 64 + ".org",
        "a@b.co\n",
    ),
]
VALUES = (
    st.sampled_from(NUMBERS)
    | st.sampled_from(TEXTS)
    | st.floats()
    | st.integers()
    | st.booleans()
    | st.none()
    | st.text(st.characters(codec=None, exclude_categories=()), max_size=8)
    | st.from_regex(r"[a-z0-9.@'+-]{1,12}@[a-z0-9.-]{1,12}\.[a-z0-9-]{1,4}", fullmatch=True)
    | st.lists(st.integers(0, 1), max_size=2)
    | st.dictionaries(st.sampled_from(["a", "b"]), st.integers(0, 1), max_size=2)
)
SIGNUPS = st.dictionaries(st.sampled_from([*Signup.model_fields, "utm", "extra"]), VALUES, max_size=4)


def parse_slowly(body: bytes) -> Any:
    try:
        return read_signup(body)
    except Problem:
        return None


def agrees(body: bytes) -> None:
    usual = read_ordinary_signup(body)

    if usual is not None:
        # `repr` also tells 2 from 2.0: both readers must keep the number's form.
        assert repr(usual) == repr(parse_slowly(body))


@UNHURRIED
@given(SIGNUPS, st.booleans())
def test_both_readers_parse_an_ordinary_signup_alike(fields: dict[str, Any], is_ascii: bool) -> None:
    text = json.dumps(person("ada") | fields, ensure_ascii=is_ascii)

    agrees(text.encode(errors="surrogatepass"))


@UNHURRIED
@given(
    st.lists(
        st.sampled_from(
            [
                *('"email":', '"first_name":', '"assessment_score" :', '"red_systems":', '"red_systems":', '"phone":'),
                *('"ada@example.org"', '"Ada"', "42", "-0", "1E2", "0x1", "01", ".5", "1.", "NaN", "Infinity", "1e999"),
                *(
                    '"a:b"',
                    '"\\u003a"',
                    '"\\ud83d\\ude00"',
                    '"\\ud800"',
                    "[1]",
                    "null",
                    ",",
                    ",",
                    ",",
                    " ",
                    "\n",
                    "}",
                    "{",
                ),
            ]
        ),
        max_size=12,
    )
)
@example(['"red_systems":', "1", ",", '"red_systems":', "1"])
@example(['"red_systems" :', "1", ",", '"red_systems":', "1"])
@example(['"\\u0065mail":', '"ada@example.org"'])
@example([',"phone":', '"a\\u003ab"', ',"red_systems":', "1", ',"red_systems":', "1"])
@example([',"phone":', '"10:30"', ',"red_systems":', "1", ',"red_systems":', "1"])
def test_fast_reader_parses_unusual_json_like_the_general_one_or_declines_it(pieces: list[str]) -> None:
    agrees(('{"email":"a@example.org","first_name":"A","assessment_score":1,' + "".join(pieces) + "}").encode())


@UNHURRIED
@given(st.integers(0, 400), st.binary(max_size=3))
def test_fast_reader_declines_damaged_bodies_or_parses_them_alike(place: int, garbage: bytes) -> None:
    body = json.dumps(person("ada", business_name="Zoë", phone="+1 555"), ensure_ascii=False).encode()

    agrees(body[:place] + garbage + body[place:])


def test_fast_reader_accepts_a_complete_signup() -> None:
    fields = {
        **dict.fromkeys(("red_systems", "orange_systems", "yellow_systems", "green_systems"), 2),
        **dict.fromkeys(("gps_score", "money_score"), 35.5),
        **dict.fromkeys(("business_name", "weakest_system_1", "weakest_system_2", "strongest_system"), "Zoë & Co."),
        **{"revenue_leak_total": 14_500, "phone": "+1 555 0100", "timezone": "America/Toronto", "locale": "en-CA"},
        **{"consent_text": "I agree: mails", "consent_source": "https://site.example/quiz", "visitor": "v" * 64},
        "consent_at": "2026-11-29T10:00:00.000Z",
        "sms_consent": True,
    }

    assert person("ada", **fields).keys() == Signup.model_fields.keys()
    body = json.dumps(person("ada", **fields), ensure_ascii=False).encode()
    assert read_ordinary_signup(body) is not None
    agrees(body)
