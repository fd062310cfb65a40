"""The pages for people: the mail as its recipient sees it, isolated; the rows; the dials."""

from __future__ import annotations

import re
from typing import Any, get_args

import pytest
from notion_client import AsyncClient

from services.sandbox.fault_rules import PRESETS, Rule
from tests.sandbox.mails import refusal, send, to_ada
from tests.sandbox.rows import make
from tests.sandbox.running import RunningSandbox

WIDTHS = {"phone": "phone", "desktop": "desktop"}


async def page(run: RunningSandbox, path: str, status: int = 200) -> tuple[str, Any]:
    async with run.http.get(run.url + path, headers={"accept": "text/html"}) as answer:
        assert answer.status == status
        return await answer.text(), answer.headers


async def form(run: RunningSandbox, path: str, **fields: str) -> tuple[int, str]:
    async with run.http.post(run.url + path, data=fields, headers={"accept": "text/html"}) as answer:
        return answer.status, await answer.text()


async def test_an_empty_inbox_says_what_to_do(run: RunningSandbox) -> None:
    text, _ = await page(run, "/inbox")

    assert "No mail yet." in text
    assert "advent try" in text


async def test_the_inbox_lists_the_newest_first_and_can_be_searched(run: RunningSandbox) -> None:
    await send(to_ada(subject="Letter one"))
    await send(to_ada(subject="Letter two", to="boris@x.example"))
    text, _ = await page(run, "/inbox")

    assert text.index("Letter two") < text.index("Letter one")
    assert "Letter one" not in (await page(run, "/inbox?to=BORIS"))[0]
    assert "Letter two" not in (await page(run, "/inbox?subject=letter+ONE"))[0]
    assert "No mail matches." in (await page(run, "/inbox?subject=none"))[0]


async def test_one_box_searches_recipients_and_subjects(run: RunningSandbox) -> None:
    await send(to_ada(subject="Letter one"))
    await send(to_ada(subject="Letter two", to="boris@x.example"))
    by_address, by_subject = (await page(run, "/inbox?q=BORIS"))[0], (await page(run, "/inbox?q=letter+ONE"))[0]

    assert ("Letter one" in by_address, "Letter two" in by_address) == (False, True)
    assert ("Letter one" in by_subject, "Letter two" in by_subject) == (True, False)
    assert by_subject.count('<input name="q"') == 1
    assert "No mail matches." in (await page(run, "/inbox?q=none"))[0]


async def test_sandbox_inbox_shows_all_mails_a_page_at_a_time(
    run: RunningSandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.sandbox.web_ui.pages.MAILS_SHOWN", 2)
    for number in range(5):
        await send(to_ada(subject=f"Letter {number}"))
    texts = [(await page(run, f"/inbox?q=letter&from={first}"))[0] for first in (0, 2, 4)]

    assert [re.findall(r"<b>Letter (\d)</b>", text) for text in texts] == [["4", "3"], ["2", "1"], ["0"]]
    assert [re.findall(r"(Newer|Older)", text) for text in texts] == [["Older"], ["Newer", "Older"], ["Newer"]]
    assert "/inbox?q=letter&amp;from=2" in texts[0]


@pytest.mark.parametrize(
    ("query", "shows"),
    [
        ("", 'class="desktop fit"'),
        ("?width=desktop", 'class="desktop"'),
        ("?width=phone", 'class="phone"'),
        ("?tab=text", "Hello Zoë"),
        ("?tab=headers", "One-click unsubscribe (RFC 8058)"),
        ("?tab=headers", "christmas_2025/ada/1"),
        ("?tab=json", "&#34;last_event&#34;: &#34;delivered&#34;"),
        ("?tab=other", 'class="desktop fit"'),
    ],
)
async def test_a_mail_has_its_tabs_and_widths(run: RunningSandbox, query: str, shows: str) -> None:
    mail_id = await send(to_ada(), "christmas_2025/ada/1")

    assert shows in (await page(run, f"/inbox/{mail_id}{query}"))[0]


async def test_the_style_sheet_knows_each_width_of_a_mail(run: RunningSandbox) -> None:
    """Without a rule, a frame has the narrow default width of the browser, whatever the page says."""
    sheet, _ = await page(run, "/static/sandbox.css")

    assert {name: re.search(rf"iframe\.{name} {{ width: (\d+)px", sheet)[1] for name in WIDTHS} == {  # type: ignore[index]
        "desktop": "702",
        "phone": "406",
    }


async def test_width_of_the_window_is_marked_until_another_is_chosen(run: RunningSandbox) -> None:
    mail_id = await send(to_ada())
    text, _ = await page(run, f"/inbox/{mail_id}")
    marked = {name: text.partition(f'class="widths if-{name}"')[2].partition("</nav>")[0] for name in WIDTHS}

    assert {
        name: re.search(r'<a href="\?width=(\w+)" aria-current="true"', nav).group(1)  # type: ignore[union-attr]
        for name, nav in marked.items()
    } == WIDTHS
    assert (await page(run, f"/inbox/{mail_id}?width=phone"))[0].count('class="widths') == 1


async def test_html_of_a_mail_is_sandboxed_by_its_content_security_policy(run: RunningSandbox) -> None:
    mail_id = await send(to_ada(html="<p>Hi</p><script>alert(1)</script>"))
    text, headers = await page(run, f"/inbox/{mail_id}/html")
    policy = headers["Content-Security-Policy"]

    assert "<p>Hi</p>" in text
    assert policy.startswith("sandbox allow-popups")
    assert "default-src 'none'" in policy
    assert "allow-scripts" not in policy
    assert "allow-same-origin" not in policy


async def test_content_of_a_mail_is_escaped_on_the_sandbox_pages(run: RunningSandbox) -> None:
    mail_id = await send(to_ada(subject="<b>x</b>", text="<i>y</i>", to="Ada <ada@x.example>"))
    for path in ("/", "/inbox", f"/inbox/{mail_id}", f"/inbox/{mail_id}?tab=text", f"/inbox/{mail_id}?tab=json"):
        text, headers = await page(run, path)
        assert "<b>x</b>" not in text
        assert "<i>y</i>" not in text
        assert "script-src 'self'" in headers["Content-Security-Policy"]


async def test_unknown_mail_of_the_inbox_is_404(run: RunningSandbox) -> None:
    await page(run, "/inbox/nobody", status=404)


async def test_both_databases_are_shown_with_their_rows(run: RunningSandbox, notion: AsyncClient) -> None:
    made = await make(notion, "Zoë & Co", Segment={"select": {"name": "CRITICAL"}})
    await notion.pages.update(made["id"], in_trash=True)
    text, _ = await page(run, "/notion")

    assert "Zoë &amp; Co" in text
    assert all(
        part in text for part in (made["id"], "CRITICAL", "in trash", "BusinessX Canada", "Diagnostic Call Date")
    )


async def test_the_overview_counts_and_warns_of_faults(run: RunningSandbox, notion: AsyncClient) -> None:
    await send(to_ada())
    await make(notion)
    assert "in force" not in (await page(run, "/"))[0]
    run.sandbox.faults.put([{"kind": "drop"}])

    assert "1 fault rule is in force." in (await page(run, "/"))[0]


async def test_a_rule_is_added_and_removed_by_form(run: RunningSandbox) -> None:
    status, text = await form(run, "/faults/rules", kind="committed_503", operation="", count="2", probability="")
    assert (status, "2 more" in text) == (200, True)
    (rule,) = run.sandbox.faults.rules
    assert (rule.operation, rule.after_commit, rule.count) == ("pages.create", True, 2)
    await form(run, f"/faults/rules/{rule.id}/remove")

    assert run.sandbox.faults.rules == []


async def test_fault_form_offers_every_kind_with_its_meaning(run: RunningSandbox) -> None:
    text, _ = await page(run, "/faults")
    offered = dict(re.findall(r'<option value="(\w+)">\w+: ([^<]+)</option>', text))

    assert offered.keys() == {*PRESETS, *get_args(Rule.model_fields["kind"].annotation)}
    for kind in offered:
        status, _ = await form(run, "/faults/rules", kind=kind, status="503" if kind == "status" else "")
        assert (kind, status) == (kind, 200)


async def test_fault_form_can_refuse_one_mail_permanently(run: RunningSandbox) -> None:
    await form(run, "/faults/rules", kind="refused", operation="", count="1")

    assert str((await refusal(to_ada())).code) == "422"
    assert await send(to_ada()), "the next one is accepted"


async def test_a_wrong_form_says_which_field_and_changes_nothing(run: RunningSandbox) -> None:
    status, text = await form(run, "/faults/rules", kind="drop", count="many")

    assert (status, "count:" in text, run.sandbox.faults.rules) == (422, True, [])


async def test_dials_are_changed_by_form_and_reset(run: RunningSandbox) -> None:
    usual = run.sandbox.dials
    fields = {"bouncing": "*@a.test, b@b.test", "webhooks": "on", "resend_verified_domains": "", "notion_rows_max": "3"}
    status, text = await form(run, "/faults/dials", **fields)
    dials = run.sandbox.dials

    assert (status, "changed" in text) == (200, True)
    assert (dials.bouncing, dials.webhooks, dials.notion_rows_max) == (["*@a.test", "b@b.test"], True, 3)
    assert (dials.resend_verified_domains, dials.seed) == (None, usual.seed)
    await form(run, "/faults/clear")
    assert run.sandbox.dials.bouncing == []


async def test_saving_the_dials_form_keeps_dials_that_it_does_not_show(run: RunningSandbox) -> None:
    run.sandbox.board.change({"calcom_keys": ["cal_x"], "webhooks": False, "sms_undelivered": ["+1416*"]})
    text, _ = await page(run, "/faults")
    boxes = re.findall(r'name="shown" value="(\w+)"', text)

    await form(run, "/faults/dials", bouncing="*@a.test")
    kept = run.sandbox.dials
    async with run.http.post(f"{run.url}/faults/dials", data=[("shown", box) for box in boxes]) as answer:
        assert answer.status == 200

    assert (kept.bouncing, kept.calcom_keys, kept.webhooks, kept.sms_undelivered) == (
        ["*@a.test"],
        ["cal_x"],
        False,
        ["+1416*"],
    )
    assert "webhooks" in boxes
    assert run.sandbox.dials.calcom_keys == ["cal_x"]


async def test_a_page_of_another_site_cannot_change_the_dials(run: RunningSandbox) -> None:
    headers = {"Sec-Fetch-Site": "cross-site"}
    async with run.http.post(f"{run.url}/faults/rules", data={"kind": "drop"}, headers=headers) as answer:
        assert answer.status == 403

    assert run.sandbox.faults.rules == []


async def test_programs_get_the_faults_as_json_from_the_same_address(run: RunningSandbox) -> None:
    assert (await run.json("/faults"))["rules"] == []


async def test_the_inbox_can_be_emptied_and_health_counts_it(run: RunningSandbox) -> None:
    await send(to_ada(), "k/1")
    assert await run.json("/health") == {"status": "healthy", "mails": 1}
    async with run.http.delete(f"{run.url}/inbox.json") as answer:
        assert answer.status == 204

    assert await run.json("/inbox.json") == []
    assert (await run.json("/counts.json"))["mails_by_key"] == {}
    assert await send(to_ada(), "k/1")


async def test_static_files_are_served(run: RunningSandbox) -> None:
    for path in ("/static/sandbox.css", "/static/refresh.js", "/assets/base.css", "/assets/icon.svg"):
        await page(run, path)
