from tests.faults.page import PAGE, PROVIDERS, page


def test_the_page_says_what_the_matrix_says():
    assert PAGE.read_text() == page(), "python -m tests.faults.page writes it anew"


def test_every_misconfiguration_has_a_cure():
    faults = [fault for provider in PROVIDERS for fault in provider.faults if fault.kind == "Misconfigured"]

    assert [fault.when for fault in faults if not fault.cure] == []
