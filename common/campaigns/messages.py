"""Renders the mails and SMS of a campaign for one contact."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from common.campaigns.body import Body, Values
from common.campaigns.compiled import CompiledCampaign
from common.campaigns.compiled import Step as CompiledStep
from common.campaigns.facts import Identity, Meeting, reminder_values
from common.campaigns.layout import Row, scoreboard
from common.campaigns.rendering import Mail, Renderer
from common.campaigns.rules import Person
from common.campaigns.translation import Translation
from common.campaigns.variables import counts, email_values
from common.domain.ids import Step, step_name
from common.domain.mail import Attachment


@dataclass(frozen=True, slots=True)
class Rendered:
    """
    A mail's content. The same arguments and the same campaign version give the same bytes.

    `attachments`: filled for samples only.
    """

    subject: str
    html: str
    text: str
    attachments: tuple[Attachment, ...] = ()


class Messages:
    """The renderer of a campaign, in all its languages."""

    def __init__(self, compiled: CompiledCampaign, translations: Mapping[str, Translation], renderer: Renderer) -> None:
        self._compiled, self._translations, self._renderer = compiled, translations, renderer

    def translation(self, language: str | None) -> Translation:
        """Return the translation. For a language that the campaign no longer has, the default: no mail is mixed."""
        return self._translations.get(language or "") or self._translations[self._compiled.default_language]

    def render(
        self,
        step: Step,
        person: Person,
        *,
        segment: str,
        identity: Identity,
        unsubscribe_url: str,
        language: str | None = None,
        today: date | None = None,
    ) -> Rendered:
        """
        Render the mail of a step in one of the languages.

        `today`: the date of the mail in the reader's time zone; None: weeks are absent.
        Raises IndexError for an unknown step, and CampaignError when a field would be blank.
        """
        translation = self.translation(language)
        number, one = self._step(step)
        values = self._values(person, segment, translation, identity, today)
        board = self._compiled.scoreboard
        rows = scoreboard(counts(board, person), translation.strings.scoreboard) if board else []
        body = translation.body(one.bodies[segment])
        about = {"reason": translation.strings.footer.emails, "series": translation.series(number)}
        return self._rendered(translation, body, values, rows, about, identity, unsubscribe_url)

    def subject(
        self,
        step: Step,
        person: Person,
        *,
        segment: str,
        identity: Identity,
        language: str | None = None,
        today: date | None = None,
    ) -> str:
        """Render only the subject of a step. Raises as `render`."""
        translation = self.translation(language)
        _, one = self._step(step)
        return translation.body(one.bodies[segment]).subject_for(
            self._values(person, segment, translation, identity, today)
        )

    def render_call_mail(
        self, name: str, meeting: Meeting, identity: Identity, unsubscribe_url: str, language: str | None = None
    ) -> Rendered:
        """
        Render the reminder or follow-up called `name`.

        Raises KeyError for an unknown name, and CampaignError when a field would be blank.
        """
        translation = self.translation(language)
        body = self._call_body(name, translation)
        values = reminder_values(meeting, translation.identity(identity), translation.language)
        strings = translation.strings
        is_reminder = name in {reminder.name for reminder in self._compiled.reminders}
        reason = strings.footer.reminders if is_reminder else strings.footer.follow_ups
        about = {"reason": reason, "series": strings.frame.reminder_series}
        return self._rendered(translation, body, values, [], about, identity, unsubscribe_url)

    def call_mail_subject(self, name: str, meeting: Meeting, identity: Identity, language: str | None = None) -> str:
        """Render only the subject of the reminder or follow-up called `name`. Raises as `render_call_mail`."""
        translation = self.translation(language)
        values = reminder_values(meeting, translation.identity(identity), translation.language)
        return self._call_body(name, translation).subject_for(values)

    def render_sms(self, name: str, meeting: Meeting, identity: Identity, language: str | None = None) -> str:
        """
        Render the SMS of the reminder or follow-up called `name`.

        Raises KeyError if it has no SMS, and CampaignError as `render_call_mail`.
        """
        translation = self.translation(language)
        values = reminder_values(meeting, translation.identity(identity), translation.language)
        bodies = {one.name: one.sms for one in self._compiled.reminders if one.sms}
        bodies |= {one.name: one.sms for one in self._compiled.follow_ups if one.sms}
        return translation.sms(bodies[name]).text_for(values)

    def _step(self, step: Step) -> tuple[int, CompiledStep]:
        """Return the step and its place, counted from 1."""
        for place, one in enumerate(self._compiled.steps, 1):
            if one.id == step_name(step):
                return place, one
        raise IndexError(f"step {step} of {len(self._compiled.steps)}")

    def _call_body(self, name: str, translation: Translation) -> Body:
        follow_ups = {one.name: one.body for one in self._compiled.follow_ups}
        return translation.body(({one.name: one.body for one in self._compiled.reminders} | follow_ups)[name])

    def _values(
        self, person: Person, segment: str, translation: Translation, identity: Identity, today: date | None
    ) -> dict[str, object]:
        return email_values(
            self._compiled,
            person,
            segment=segment,
            book=translation.systems,
            language=translation.language,
            identity=translation.identity(identity),
            today=today,
        )

    def _rendered(
        self,
        translation: Translation,
        body: Body,
        values: Values,
        rows: Sequence[Row],
        about: Mapping[str, str],
        identity: Identity,
        unsubscribe_url: str,
    ) -> Rendered:
        subject, preheader = body.subject_for(values), body.preheader_for(values)
        frame = translation.frame(subject, preheader, translation.identity(identity), unsubscribe_url)
        frame.update(about)
        strings = translation.strings
        parts = self._renderer.render(
            Mail(body, values, rows, frame, row=strings.scoreboard.row, link=strings.frame.link_text)
        )
        return Rendered(subject, parts.html, parts.text)
