import pytest

from common.domain.ids import canonical_mailbox
from common.normalization.address import AddressError, repaired_address
from common.normalization.fields import match_field_names
from common.normalization.lenient import boolean
from common.normalization.locale import read_locale, read_timezone
from common.normalization.numbers import fitted_counts, read_number

ADA = "ada@example.com"


@pytest.mark.parametrize("given", [10**400, -(10**400), float("inf"), float("nan"), "1e999", True, None, "1,500"])
def test_what_is_no_number_for_a_form_is_not_read(given):
    assert read_number(given) is None


@pytest.mark.parametrize(
    "given",
    [
        "\u202aada@example.com\u202c",
        "ada@example.com\ufeff",
        "a\u00a0da@example.com",
        "ada\u00ad@example.com",
        "\u200bada@example.com",
        "  ADA@EXAMPLE.COM ",
        "ada@EXAMPLE\u3002com",
    ],
)
def test_pasted_address_is_repaired(given):
    assert repaired_address(given) == ADA


def test_unicode_domain_is_converted_to_its_ascii_form():
    assert repaired_address("ada@müller.example") == "ada@xn--mller-kva.example"
    assert repaired_address("ada@XN--MLLER-KVA.example") == "ada@xn--mller-kva.example"


@pytest.mark.parametrize(
    ("given", "about"),
    [
        ("", "e-mail"),
        ("ada", "e-mail"),
        ("ada@", "e-mail"),
        ("a da@example.com", "e-mail"),
        ("ädä@example.com", "local part"),
        ("ada@\u00ad.example", "e-mail"),
        ("ada@example.com\nBcc: x@y.example", "e-mail"),
        ("a" * 190 + "@example.com", "at most|e-mail"),
    ],
)
def test_address_that_cannot_be_repaired_is_refused_with_a_reason(given, about):
    with pytest.raises(AddressError, match=about):
        repaired_address(given)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("ada.l@gmail.com", "adal@gmail.com"),
        ("adal+x@gmail.com", "adal@gmail.com"),
        ("adal@googlemail.com", "adal@gmail.com"),
        ("ada.l+x@example.com", "ada.l@example.com"),
        ("+x@example.com", "+x@example.com"),
        (ADA, ADA),
    ],
)
def test_spellings_of_one_mailbox_have_one_canonical_form(given, expected):
    assert canonical_mailbox(given) == expected


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("America/Toronto", "America/Toronto"),
        ("america/toronto", "America/Toronto"),
        ("US/Eastern", "US/Eastern"),
        ("Eastern Standard Time", "America/New_York"),
        ("Etc/GMT+5", "Etc/GMT+5"),
        ("Etc/Unknown", None),
        ("undefined", None),
        ("GMT+5", None),
        ("America/Pacific", None),
        ("localtime", None),
        ("../../etc/passwd", None),
        (300, None),
        (None, None),
    ],
)
def test_time_zone_is_recognized_by_any_of_its_names(given, expected):
    assert read_timezone(given) == expected


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("fr-CA,fr;q=0.9,en;q=0.8", "fr-CA"),
        ("en;q=0.5, fr_ca;q=0.9", "fr-CA"),
        ("en_US.UTF-8", "en-US"),
        ("de_DE@euro", "de-DE"),
        ("zh-hant-tw", "zh-Hant-TW"),
        (["fr-CA", "en"], "fr-CA"),
        ("*,de", "de"),
        ("*", None),
        ("C", None),
        ("undefined", None),
        ("null", None),
        ("fr;q=0", None),
        (7, None),
    ],
)
def test_language_is_read_from_a_browsers_list(given, expected):
    assert read_locale(given) == expected


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("72", 72),
        (" 7.5 ", 7.5),
        (3.0, 3),
        (True, None),
        ("", None),
        ("1,500", None),
        ("12%", None),
        (float("nan"), None),
        ([], None),
    ],
)
def test_number_sent_as_text_is_read(given, expected):
    assert read_number(given) == expected


@pytest.mark.parametrize(
    ("counts", "expected"),
    [
        ((2, 2, 2, 2), (2, 2, 2, 2)),
        ((9, 0, 0, 0), (8, 0, 0, 0)),
        ((3, 3, 3, 3), (3, 3, 2, 0)),
        ((0, 0, 8, 8), (0, 0, 8, 0)),
    ],
)
def test_surplus_systems_are_subtracted_from_the_least_urgent(counts, expected):
    assert fitted_counts(*counts) == expected


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        *((yes, True) for yes in (True, 1, "1", "true", " True\u200b", "Yes", "oui", "ON")),
        *((no, False) for no in (False, 0, "0", "false", "No", "NON", "off")),
        *((neither, None) for neither in (None, "", "perhaps", 2, 1.0, [True], {"value": True})),
    ],
)
def test_yes_and_no_are_read_in_english_and_french_and_as_forms_send_them(given, expected):
    assert boolean(given) is expected


def test_field_is_recognized_in_any_spelling_and_its_exact_name_wins():
    given = {
        "firstName": "Fay",
        "Red Systems": 5,
        "redSystems": 4,
        "revenue-leak-total": 9,
        "email": ADA,
        "E-Mail": "b@example.com",
        "odd": 1,
    }

    fields, read_as = match_field_names(given, {"first_name", "red_systems", "revenue_leak_total", "email"})

    assert fields == {"first_name": "Fay", "red_systems": 5, "revenue_leak_total": 9, "email": ADA, "odd": 1}
    assert read_as == {
        "firstName": "first_name",
        "Red Systems": "red_systems",
        "redSystems": "red_systems",
        "revenue-leak-total": "revenue_leak_total",
        "E-Mail": "email",
    }
