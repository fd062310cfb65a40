import pytest

from tests.cli.test_status_and_contact import ada_signs_up

ADA = "ada@example.com"


@pytest.fixture
def in_the_way(tmp_path):
    file = tmp_path / "file"
    file.touch()
    return file


def test_preview_writes_every_mail_as_page_dark_page_and_text(advent, tmp_path):
    status, output, _ = advent("preview", "--into", "a folder")

    assert (status, output) == (0, "146 mails: a folder/index.html\n")
    names = {file.name for file in (tmp_path / "a folder").glob("*.txt")}
    index = (tmp_path / "a folder" / "index.html").read_text()
    assert len(names) == 146
    for name in names:
        stem = name.removesuffix(".txt")
        assert f'src="{stem}.html"' in index
        assert f'src="{stem}.dark.html"' in index
        assert f'href="{name}"' in index
        assert (tmp_path / "a folder" / f"{stem}.html").exists()
    dark = (tmp_path / "a folder" / "christmas_2025.en-CA.1-results.critical.full.dark.html").read_text()
    assert "prefers-color-scheme" not in dark


def test_preview_renders_all_mails_for_one_contact(run_command, run_ledger, tmp_path):
    run_ledger(ada_signs_up)

    status, output, _ = run_command("preview", "--into", "theirs", "--as", ADA)

    assert (status, output.partition(" mails")[0]) == (0, "7")
    assert len([*(tmp_path / "theirs").glob("*.contact.html")]) == 7
    index = (tmp_path / "theirs" / "index.html").read_text()
    assert f'data-reader="{ADA}"' in index


def test_preview_of_an_unknown_contact_is_reported(run_command):
    status, output, errors = run_command("preview", "--as", "nobody@example.org")

    assert (status, output) == (1, "")
    cure = "name another campaign, or a person who signed up"
    assert f"advent: nobody@example.org: not enrolled in christmas_2025; {cure}\n" == errors


@pytest.mark.parametrize("named", ["--into", "DATA_DIR"])
def test_unwritable_preview_folder_is_reported_in_one_line(advent, in_the_way, named):
    folder = in_the_way / "below"
    arguments, environ = (["--into", str(folder)], {}) if named == "--into" else ([], {"DATA_DIR": folder})

    status, output, errors = advent("preview", *arguments, **environ)

    assert (status, output) == (1, "")
    assert errors == f"advent: {named}: {folder} cannot be used (Not a directory); set {named} to a folder you" + (
        " can write to\n"
    )
