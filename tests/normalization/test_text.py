import pytest

from common.normalization.text import reason_name_unusable, reason_unusable, visible, without_invisible


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("\u200bAda\u200d", "Ada"),
        ("A\u00adda", "Ada"),
        ("\ufeffAda", "Ada"),
        ("\u202aAda\u202c", "Ada"),
        ("Ada\u00a0Lovelace", "Ada Lovelace"),
        ("  Ada\r\n\tLovelace ", "Ada Lovelace"),
        ("Ada\ud800", "Ada"),
    ],
)
def test_invisible_characters_are_removed_from_a_text(given, expected):
    assert visible(given) == expected


def test_a_no_break_space_inside_an_address_is_removed_and_an_ordinary_one_is_not():
    assert without_invisible("a\u00a0da@example.com") == "ada@example.com"
    assert without_invisible("a da@example.com") == "a da@example.com"


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("https://evil.example", "a link"),
        ("evil.example", "a domain"),
        ("evil。example", "a domain"),
        ("\uff45\uff56\uff49\uff4c\uff0e\uff45\uff58\uff41\uff4d\uff50\uff4c\uff45", "a domain"),
        ("evil . com", "a domain"),
        ("evil dot com", "a domain"),
        ("You won $900 visit xyz.example/claim", "a domain"),
        ("Go to evil.example. Claim", "a domain"),
        ("www.evil.example", "a link"),
        ("[a](http://evil.example)", "a link"),
        ("<b>Ada</b>", "a link"),
        ("ada@evil.example", "an e-mail address"),
        ("Call +1 555 010 0199", "a phone number"),
        ("555\u2013010\u20110199", "a phone number"),
        ("555_010_0199", "a phone number"),
        ("null", "a placeholder"),
        ("null null", "a placeholder"),
        ("(null)", "a placeholder"),
        ("'null'", "a placeholder"),
        ("\u201cnull\u201d", "a placeholder"),
        ("#{name}", "a placeholder"),
        ("Nameless Person", "a placeholder"),
        ("undefined", "a placeholder"),
        ("N/A", "a placeholder"),
        ("-", "a placeholder"),
        ("{{first_name}}", "a placeholder"),
        ("*|FNAME|*", "a placeholder"),
        ("[First Name]", "a placeholder"),
        ("%FIRST_NAME%", "a placeholder"),
        ("${firstName}", "a placeholder"),
        ("First Name", "a placeholder"),
        ("NaN", "a placeholder"),
        ("12345", "a placeholder"),
        ("You have won a big prize", "more than 5 words"),
        ("A" * 41, "more than 40 characters"),
    ],
)
def test_unusable_name_counts_as_missing(name, reason):
    assert reason_name_unusable(name) == reason


@pytest.mark.parametrize(
    "name",
    [
        "Ada",
        "Jean-François",
        "J.R.",
        "Mary Ann",
        "O'Brien",
        "李小龙",
        "أحمد",
        "Dr. Ada",
        "Chris Null",
        "Guest",
        "María del Carmen de la",
        "Bo",
    ],
)
def test_name_in_any_language_is_usable(name):
    assert reason_name_unusable(name) is None


@pytest.mark.parametrize(
    "text",
    [
        "Smith & Sons Ltd.",
        "Café 24/7",
        "Sales and marketing",
        "No. 5 Bakery",
        "3M",
        "A.B. Roofing Inc.",
        "Name Brand Shop",
    ],
)
def test_ordinary_name_of_a_business_or_system_is_usable(text):
    assert reason_unusable(text) is None


@pytest.mark.parametrize(
    "text", ["Click www.evil.example now", "amazon.com", "mail me: x@y.example", "{{7*7}}", "5551234567"]
)
def test_an_advert_in_free_text_is_not_shown(text):
    assert reason_unusable(text) is not None
