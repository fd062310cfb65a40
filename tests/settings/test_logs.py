import json
import subprocess
import sys
import textwrap
import time

import pytest

from common.observability.logs import MASK, mask_text, masked

PRELUDE = """
    import logging, warnings
    from common.observability.logs import bound, get_logger, setup_logs
    from common.settings.settings import Settings
    log = get_logger("actors.sending.send")
    setup_logs("worker", Settings(log_level={level!r}))
"""


def lines_of(script, level="INFO"):
    """Run the script in a new process. Return its lines on stderr, which must be JSON; stdout must be empty."""
    code = textwrap.dedent(PRELUDE).format(level=level) + textwrap.dedent(script)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout == ""
    return [json.loads(line) for line in done.stderr.splitlines()]


def test_our_lines_and_those_of_libraries_have_one_shape_and_one_enrollment_id():
    ours, theirs, after = lines_of(
        """
        with bound(enrollment_id="enr_1"):
            log.info("delivery_accepted", attempt=2)
            logging.getLogger("dramatiq").warning("Retrying in %d ms", 500)
        log.info("done")
        """
    )

    for line in (ours, theirs, after):
        assert line["service"] == "worker"
        assert line["timestamp"].endswith("Z")
    assert (ours["event"], ours["enrollment_id"], ours["attempt"], ours["level"]) == (
        "delivery_accepted",
        "enr_1",
        2,
        "info",
    )
    assert (theirs["event"], theirs["enrollment_id"], theirs["logger"]) == ("Retrying in 500 ms", "enr_1", "dramatiq")
    assert "enrollment_id" not in after


def test_log_never_contains_an_address_a_name_or_a_secret():
    lines = lines_of(
        """
        log.info("for ada@example.com", email="ada@example.com", first_name="Ada", deep={"to": ["ada@example.com"]})
        logging.getLogger("aiohttp").error("could not mail ada@example.com", extra={"name_of": "ada%40example.com"})
        try:
            raise ValueError("ada@example.com whsec_c2VjcmV0c2VjcmV0")
        except ValueError:
            log.exception("broken")
            logging.getLogger("lib").exception("broken")
        warnings.warn("about ada@example.com")
        raise RuntimeError("ada@example.com")
        """
    )

    assert len(lines) == 6
    assert "ada" not in json.dumps(lines).lower()
    assert "c2VjcmV0" not in json.dumps(lines)
    assert lines[-1]["event"] == "crashed"
    assert "RuntimeError" in lines[-1]["exception"]


def test_request_lines_of_http_libraries_and_lines_below_the_level_are_left_out():
    lines = lines_of(
        """
        logging.getLogger("httpx").info("HTTP Request: POST https://api.resend.com/emails")
        log.info("quiet")
        log.warning("loud")
        """,
        level="WARNING",
    )

    assert [line["event"] for line in lines] == ["loud"]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("delivery enr_1/step-3 accepted", "delivery enr_1/step-3 accepted"),
        ("to Ada <ada.b+c@mail.example.co.uk>!", "to Ada <[address]>!"),
        ("GET /inbox?to=ada%40example.com", "GET [address]"),
        ("redis://user:pa55@host:6379", f"redis://{MASK}@host:6379"),
        ("Authorization: Bearer re_123", f"Authorization: Bearer {MASK}"),
        ("POST /unsubscribe/enr_1.abc.def 200", f"POST /unsubscribe/{MASK} 200"),
    ],
)
def test_text_that_looks_like_an_address_or_a_secret_is_masked(text, shown):
    assert mask_text(text) == shown


def test_any_value_can_be_masked():
    class Person:
        def __str__(self):
            return "ada@example.com"

    assert masked({"a": (1, None, Person()), "password": "x", "email": None}) == {
        "a": [1, None, "[address]"],
        "password": MASK,
        "email": MASK,
    }


def test_closed_log_pipe_does_not_stop_the_process():
    script = """
        for _ in range(20_000):
            log.info("a line", why="x" * 100)
            logging.getLogger("library").warning("and one of a library")
        print("went on")
    """
    process = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(PRELUDE).format(level="INFO") + textwrap.dedent(script)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stderr is not None
    assert process.stdout is not None
    process.stderr.readline()
    process.stderr.close()

    assert process.stdout.read().strip() == b"went on"
    assert process.wait() == 0
    process.stdout.close()


@pytest.mark.parametrize("text", ["a" * 400_000 + " @", "a@" * 200_000, "a@" + "b" * 400_000, "://a:" * 80_000 + "@ "])
def test_long_line_is_masked_in_linear_time(text):
    began = time.process_time()

    mask_text(text)

    assert time.process_time() - began < 2, "with its square it would be minutes"


def test_terminal_of_advent_up_shows_a_line_for_each_mail_and_warnings_only():
    lines = lines_of(
        """
        from common.observability.logs import show_mails_and_warnings
        show_mails_and_warnings()
        setup_logs("worker", Settings())
        log.info("delivery_claimed")
        log.info("delivery_accepted", attempt=1)
        log.warning("store_away")
        logging.getLogger("dramatiq").info("ready")
        logging.getLogger("dramatiq").error("broken")
        """
    )

    assert [line["event"] for line in lines] == ["delivery_accepted", "store_away", "broken"]
