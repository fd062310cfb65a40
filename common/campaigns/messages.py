"""What the mails and SMS of a campaign say to one person."""

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
    One mail's content. The same arguments and the same campaign version give the same bytes.

    `attachments`: of a sample.
    """

    subject: str
    html: str
    text: str
    attachments: tuple[Attachment, ...] = ()


class Messages:
    """Renders in any language of the campaign."""

    def __init__(self, compiled: CompiledCampaign, translations: Mapping[str, Translation], renderer: Renderer) -> None:
        self._compiled, self._translations, self._renderer = compiled, translations, renderer

    def translation(self, language: str | None) -> Translation:
        """Of a language that the campaign no longer has, the default one: a whole mail in another one."""
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
        The mail of a step in one of the languages.

        `today`: the day of the mail, where its reader is; without it, no dates are counted from it.
        Raises IndexError for a step there is not, CampaignError when a field would be blank.
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
        """The subject of a step, without the rest of the mail. Raises as `render`."""
        translation = self.translation(language)
        _, one = self._step(step)
        return translation.body(one.bodies[segment]).subject_for(
            self._values(person, segment, translation, identity, today)
        )

    def render_call_mail(
        self, name: str, meeting: Meeting, identity: Identity, unsubscribe_url: str, language: str | None = None
    ) -> Rendered:
        """
        The reminder or the follow-up called `name`.

        Raises KeyError for an unknown one, CampaignError when a field would be blank.
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
        """The subject of the one called `name`, without the rest of the mail. Raises as `render_call_mail`."""
        translation = self.translation(language)
        values = reminder_values(meeting, translation.identity(identity), translation.language)
        return self._call_body(name, translation).subject_for(values)

    def render_sms(self, name: str, meeting: Meeting, identity: Identity, language: str | None = None) -> str:
        """
        The SMS of the reminder or follow-up called `name`.

        Raises KeyError without one, CampaignError as `render_call_mail`.
        """
        translation = self.translation(language)
        values = reminder_values(meeting, translation.identity(identity), translation.language)
        bodies = {one.name: one.sms for one in self._compiled.reminders if one.sms}
        bodies |= {one.name: one.sms for one in self._compiled.follow_ups if one.sms}
        return translation.sms(bodies[name]).text_for(values)

    def _step(self, step: Step) -> tuple[int, CompiledStep]:
        """Its place, from 1, and the step."""
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
        parts = self._renderer.parts(
            Mail(body, values, rows, frame, row=strings.scoreboard.row, link=strings.frame.link_text)
        )
        return Rendered(subject, parts.html, parts.text)
