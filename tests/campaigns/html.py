"""What a mail client sees of an HTML part."""

from __future__ import annotations

from html.parser import HTMLParser


class Page(HTMLParser):
    """
    `tags`: in order; `links`: every href, src, background and action; `words`: the visible text; `attributes`: the
    names of all attributes; `language`: of the page.
    """

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.links: list[str] = []
        self.attributes: set[str] = set()
        self.language = ""
        self._words: list[str] = []
        self._hidden = 0
        self.feed(html)
        self.close()

    @property
    def words(self) -> str:
        return " ".join("".join(self._words).split())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self._hidden += tag in ("style", "title")
        for name, value in attrs:
            self.attributes.add(name)
            if name in ("href", "src", "background", "action"):
                self.links.append(value or "")
            if tag == "html" and name == "lang":
                self.language = value or ""

    def handle_endtag(self, tag: str) -> None:
        self._hidden -= tag in ("style", "title")
        if tag in ("p", "td", "div", "li", "h2"):
            self._words.append(" ")

    def handle_data(self, data: str) -> None:
        if not self._hidden:
            self._words.append(data)
