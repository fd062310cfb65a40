"""
Print the settings in a file as Advent reads them: `env_file.py FILE`.

One line `NAME=value` for each, in a form that systemd, the command `advent` and Advent itself read alike: without
`export`, comments after the value, and carriage returns. Comments on lines of their own stay. If a line cannot be read,
the script prints what is wrong and exits with 1.
"""

import io
import re
import sys
from collections.abc import Iterator
from pathlib import Path

from dotenv import dotenv_values
from dotenv.parser import Binding, parse_stream


class _Unreadable(Exception):
    """One line: what is wrong, and the cure. It never contains a value, which may be a secret."""


def main(text: str) -> Iterator[str]:
    bindings = list(parse_stream(io.StringIO(text)))
    for binding in bindings:
        if binding.error:
            line = binding.original.line + _blank_lines(binding)
            raise _Unreadable(
                f"line {line}: write NAME=value; put all of a value that contains quotes in single quotes"
            )
    # As Advent does: upper-case names win, and of two lines for one name the later one.
    given = sorted(dotenv_values(stream=io.StringIO(text)).items(), key=lambda pair: pair[0].isupper())
    values = {name.upper(): value.strip() for name, value in given if value is not None}
    for binding in bindings:
        if binding.key is None:
            yield binding.original.string.rstrip()
        elif binding.key.upper() in values:
            name = binding.key.upper()
            yield "\n" * _blank_lines(binding) + f"{name}={_quoted(name, values.pop(name))}"


def _blank_lines(binding: Binding) -> int:
    """Return the number of blank lines before the binding, which are part of its text."""
    text = binding.original.string
    return text[: len(text) - len(text.lstrip())].count("\n")


def _quoted(name: str, value: str) -> str:
    """Return the value without quotes if all readers agree on it, otherwise in quotes that need no escapes."""
    if "\\" in value or "\n" in value:
        raise _Unreadable(f"{name}: a value cannot contain a backslash or a line break here")
    if not re.match(r"""["'#]""", value) and not re.search(r"\s#", value):
        return value
    for quote in ("'", '"'):
        if quote not in value:
            return f"{quote}{value}{quote}"
    raise _Unreadable(f"{name}: a value that begins with a quote or contains ' #' cannot contain both kinds of quotes")


if __name__ == "__main__":
    try:
        sys.stdout.write("".join(f"{line}\n" for line in main(Path(sys.argv[1]).read_text(encoding="utf-8"))))
    except (_Unreadable, UnicodeDecodeError) as error:
        sys.exit(f"{sys.argv[1]}: {error if isinstance(error, _Unreadable) else 'it is not text in UTF-8'}")
