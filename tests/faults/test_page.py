from tests.faults.page import PAGE, page


def test_the_page_says_what_the_matrix_says():
    assert PAGE.read_text() == page(), "python -m tests.faults.page writes it anew"
