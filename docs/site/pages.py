"""
Hooks of mkdocs: the pages of the repository at their own paths, what they link to, and the reference of public modules.

A link to a file of code leads to a page that shows it; a link to a folder, to its README or to the names in it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import TextLexer, get_lexer_for_filename
from pygments.util import ClassNotFound

ROOT = Path(__file__).parents[2]
PAGES = ("*.md", "docs/*.md", "deploy/runbook.md", "**/README.md")
NOT_OURS = {".venv", "build", "node_modules", ".pytest_cache", ".git", "tests"}

REFERENCE = (
    "common.domain",
    "common.campaigns",
    "common.ledger",
    "common.providers",
    "common.errors",
    "common.settings",
)
"""Packages and modules that others import."""

LINK = re.compile(r"(?<=\]\()(?P<path>[^)#:\s]+)(?=[)#])")


def on_config(config: Any) -> None:
    """Puts the reference behind the pages that somebody wrote."""
    found = {name: list(modules(name)) for name in REFERENCE}
    pages_of = {
        name: [{module.removeprefix(f"{name}."): _reference_page(module)} for module in found[name]] for name in found
    }
    config.nav.append({"Reference": [{name: pages} for name, pages in pages_of.items() if pages]})


def on_files(files: Any, config: Any) -> Any:
    """Adds pages, what they show, and the reference to what the theme brings."""
    for page in pages():
        files.append(File.generated(config, _uri(page), abs_src_path=str(page)))
    for target in sorted(linked()):
        if _uri(target) not in files.src_uris and not _readme(target):
            files.append(_shown(config, target))
    for name in REFERENCE:
        for module in modules(name):
            files.append(File.generated(config, _reference_page(module), content=f"# {module}\n\n::: {module}\n"))
    return files


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Names the page that stands for a folder; the rest mkdocs resolves, and refuses what is not there."""
    folder = (ROOT / page.file.src_uri).parent

    def page_of(link: re.Match[str]) -> str:
        path = link["path"]
        target = (folder / path).resolve()
        if not target.is_dir():
            return path
        return f"{path.rstrip('/')}/{'README.md' if _readme(target) else 'index.html'}"

    return LINK.sub(page_of, markdown)


def pages() -> list[Path]:
    found = {page for pattern in PAGES for page in ROOT.glob(pattern)}
    return sorted(page for page in found if not NOT_OURS & set(page.relative_to(ROOT).parts))


def linked() -> set[Path]:
    """Files and folders of the repository that a page links to."""
    targets = {(page.parent / path).resolve() for page in pages() for path in LINK.findall(page.read_text())}
    return {target for target in targets if target.exists() and target.is_relative_to(ROOT)}


def modules(name: str) -> Iterator[str]:
    """The module, or all public ones of the package; none where it is gone."""
    place = ROOT / name.replace(".", "/")
    if place.with_suffix(".py").exists():
        yield name
    for file in sorted(place.rglob("*.py")):
        parts = file.relative_to(ROOT).with_suffix("").parts
        if not any(part.startswith("_") for part in parts):
            yield ".".join(parts)


def _reference_page(module: str) -> str:
    return f"reference/{module}.md"


def _readme(target: Path) -> bool:
    return (target / "README.md").exists()


def _uri(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def _shown(config: Any, target: Path) -> File:
    """A file for readers, not a page: it has neither navigation nor search."""
    uri = _uri(target)
    if target.is_dir():
        return File.generated(config, f"{uri}/index.html", content=_html(uri, _names(target), TextLexer()))
    if target.suffix in {".png", ".svg"}:
        return File.generated(config, uri, abs_src_path=str(target))
    text = target.read_text()
    shown = File.generated(config, uri, content=_html(uri, text, _lexer(target, text)))
    shown.dest_uri = f"{uri}.html"
    return shown


def _names(folder: Path) -> str:
    files = (file for file in folder.rglob("*") if file.is_file() and "__pycache__" not in file.parts)
    return "\n".join(sorted(_uri(file) for file in files))


def _lexer(file: Path, text: str) -> Any:
    try:
        return get_lexer_for_filename(file.name, text)
    except ClassNotFound:
        return TextLexer()


def _html(title: str, text: str, lexer: Any) -> str:
    return str(highlight(text, lexer, HtmlFormatter(full=True, title=title)))
