"""Edits of a compiled campaign, such as an author makes in its files."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from common.campaigns.compiled import CompiledCampaign, SegmentRule, Span, Step

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS

Edit = Callable[[CompiledCampaign], CompiledCampaign]


def text(campaign: CompiledCampaign, *, body: str = "emails/3-turned-away.md", tag: str = "en-CA") -> CompiledCampaign:
    return _body(campaign, body, tag, lambda source: f"{source}\nOne line more.\n")


def subject(campaign: CompiledCampaign, *, body: str = "emails/5-case-study.md") -> CompiledCampaign:
    changed = campaign
    for tag in campaign.languages:
        changed = _body(changed, body, tag, lambda source: source.replace("subject: ", "subject: New: ", 1))
    return changed


def exchanged(campaign: CompiledCampaign) -> CompiledCampaign:
    """Swap the subjects of the third and the fourth step."""
    third, fourth, changed = "emails/3-turned-away.md", "emails/4-calendar.md", campaign
    for tag, texts in campaign.languages.items():
        lines = {name: texts.bodies[name].splitlines()[1] for name in (third, fourth)}
        for body, other in ((third, fourth), (fourth, third)):
            old, new = lines[body], lines[other]
            changed = _body(changed, body, tag, lambda source, old=old, new=new: source.replace(old, new, 1))  # type: ignore[misc]
    return changed


def moved(campaign: CompiledCampaign, *, step: str = "step-4", hours: int = 110) -> CompiledCampaign:
    span = Span(hours * HOUR_MS, 170_000)
    return replace(campaign, steps=tuple(replace(one, after=span) if one.id == step else one for one in campaign.steps))


def added(campaign: CompiledCampaign, *, hours: int = 96) -> CompiledCampaign:
    """Add `step-8` with its own text, by default between the third and the fourth step."""
    new = Step(
        id="step-8",
        name="four days in",
        after=Span(hours * HOUR_MS, 150_000),
        bodies={segment.name: "emails/8-new.md" for segment in campaign.segments},
        column="Email 8 Sent",
    )
    steps = sorted((*campaign.steps, new), key=lambda step: step.after.production_ms)
    heading = "---\nsubject: Four days in\npreheader: A word between two letters.\n---\n"
    with_text = replace(
        campaign,
        languages={
            tag: replace(texts, bodies={**texts.bodies, "emails/8-new.md": f"{heading}Hi {{{{ first_name }}}},\n"})
            for tag, texts in campaign.languages.items()
        },
    )
    return replace(with_text, steps=tuple(steps))


def removed(campaign: CompiledCampaign, *, step: str = "step-6") -> CompiledCampaign:
    return replace(campaign, steps=tuple(one for one in campaign.steps if one.id != step))


def named(campaign: CompiledCampaign) -> CompiledCampaign:
    """Give each step an id and a column that name its purpose."""
    names = ("results", "quick-wins", "turned-away", "calendar", "case-study", "checklist", "last-call")
    steps = (
        replace(one, id=name, column=f"{name.capitalize()} sent")
        for one, name in zip(campaign.steps, names, strict=True)
    )
    return replace(campaign, steps=tuple(steps))


def needing(campaign: CompiledCampaign, *, step: str = "step-6", needs: str = "step-5") -> CompiledCampaign:
    steps = (replace(one, needs=needs) if one.id == step else one for one in campaign.steps)
    return replace(campaign, steps=tuple(steps))


def segment(campaign: CompiledCampaign) -> CompiledCampaign:
    """Make one red system enough for CRITICAL."""
    first, *others = campaign.segments
    return replace(campaign, segments=(SegmentRule(name=first.name, when="red_systems >= 1"), *others))


def language(campaign: CompiledCampaign) -> CompiledCampaign:
    """Add a second English with the same texts."""
    return replace(campaign, languages={**campaign.languages, "en-GB": campaign.languages["en-CA"]})


def in_english(campaign: CompiledCampaign) -> CompiledCampaign:
    """Remove all languages but English."""
    return replace(campaign, languages={"en-CA": campaign.languages["en-CA"]})


def copied(campaign: CompiledCampaign) -> CompiledCampaign:
    """Add the third step again, under a new id and on a later day."""
    third = next(step for step in campaign.steps if step.id == "step-3")
    again = replace(third, id="step-9", name="again", column="Email 9 Sent", after=Span(290 * HOUR_MS, 400_000))
    return replace(campaign, steps=(*campaign.steps, again))


def renamed(campaign: CompiledCampaign, *, step: str = "step-3", to: str = "step-9") -> CompiledCampaign:
    """Give one step another id; its text stays."""
    steps = (replace(one, id=to, column="Email 9 Sent") if one.id == step else one for one in campaign.steps)
    return replace(campaign, steps=tuple(steps))


def _body(campaign: CompiledCampaign, name: str, tag: str, edit: Callable[[str], str]) -> CompiledCampaign:
    texts = campaign.languages[tag]
    bodies = {**texts.bodies, name: edit(texts.bodies[name])}
    return replace(campaign, languages={**campaign.languages, tag: replace(texts, bodies=bodies)})
