"""`python -m tests.golden.accept` accepts the current texts; read the differences first."""

from __future__ import annotations

from tests.golden.pages import FOLDER, current_pages


def main() -> None:
    FOLDER.mkdir(exist_ok=True)
    pages = current_pages()
    for stale in {file.name for file in FOLDER.glob("*.txt")} - set(pages):
        (FOLDER / stale).unlink()
        print(f"gone     {stale}")
    for name, text in pages.items():
        file = FOLDER / name
        if not file.exists() or file.read_bytes() != text.encode():
            file.write_bytes(text.encode())
            print(f"accepted {name}")


if __name__ == "__main__":
    main()
