import pytest


@pytest.fixture
def in_the_way(tmp_path):
    file = tmp_path / "file"
    file.touch()
    return file


def test_every_mail_is_a_page_and_a_text_and_the_index_names_them_all(advent, tmp_path):
    status, output, _ = advent("preview", "--into", "a folder")

    assert (status, output) == (0, "96 mails: a folder/index.html\n")
    pages = {file.name for file in (tmp_path / "a folder").glob("*.html")} - {"index.html"}
    texts = {file.name for file in (tmp_path / "a folder").glob("*.txt")}
    index = (tmp_path / "a folder" / "index.html").read_text()
    assert 96 == len(pages) == len(texts)
    assert all(f'href="{name}"' in index for name in pages | texts)


@pytest.mark.parametrize("named", ["--into", "DATA_DIR"])
def test_a_folder_that_cannot_be_written_is_one_line(advent, in_the_way, named):
    folder = in_the_way / "below"
    arguments, environ = (["--into", str(folder)], {}) if named == "--into" else ([], {"DATA_DIR": folder})

    status, output, errors = advent("preview", *arguments, **environ)

    assert (status, output) == (1, "")
    assert errors == f"advent: {named}: {folder} cannot be used (Not a directory); set {named} to a folder you" + (
        " can write to\n"
    )
