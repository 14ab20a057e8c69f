"""What somebody should hear of: fewer texts than there were, fewer that arrive, and texts that carriers filter."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from django.conf import settings
from django.utils import timezone

from messaging.sms import claims, outcomes, signs
from messaging.sms.models import Text
from rollout import alerts, figures, work
from rollout.alerts import Finding

DAY = timedelta(hours=24)
BASELINE = timedelta(days=7)
# A text that was made just now may well be on its way.
ON_ITS_WAY = timedelta(minutes=15)
UNTIL = " up to 15 minutes ago"
# Shares of fewer than that say nothing.
LEAST = 20
LEAST_VOLUME = 0.90
LEAST_SUCCESS = 0.90
# Refusals that have to do with us and not with one phone, and how long one of them is told of.
OURS_TO_MEND = tuple(
    sorted({found.reason for found in outcomes.BY_CODE.values() if found.is_alarming} - {outcomes.FILTERED.reason})
)
LATELY = timedelta(hours=1)
MOST_SILENCE_SECONDS = 60


class Texts(NamedTuple):
    """Of a span of time: those there were to send, those handed to the provider, and what came of these."""

    wanted: int = 0
    handed: int = 0
    delivered: int = 0
    lost: int = 0

    @property
    def volume(self) -> float | None:
        return self.handed / self.wanted if self.wanted >= LEAST else None

    @property
    def success(self) -> float | None:
        ended = self.delivered + self.lost
        return self.delivered / ended if ended >= LEAST else None


def of_last_day(now: datetime | None = None) -> tuple[Texts, Texts]:
    """And of the seven days before it, to compare with."""
    until = (now or timezone.now()) - ON_ITS_WAY
    today = until - DAY
    rows = claims.rows("text_volume", {"today": today, "since": today - BASELINE, "until": until})
    found = {row.is_of_today: Texts(*row[1:]) for row in rows}
    return found.get(True, Texts()), found.get(False, Texts())


def volume() -> Finding:
    """Broadcasts come when they come, so days are not compared by number: of the texts that there were to send, the
    share that was handed over is what must not fall."""
    today, before = of_last_day()
    if today.volume is None:
        return alerts.ok(f"{today.wanted} texts in 24 hours{UNTIL}, too few to say")
    baseline = 1.0 if before.volume is None else before.volume
    words = f"{today.handed} of {today.wanted} texts in 24 hours were handed over, {today.volume:.0%}"
    # A week in which nothing was handed over is no measure.
    value = round(today.volume / baseline, 6) if baseline else 1.0
    return alerts.measured(value, f"{words}; usual is {baseline:.0%}")


def success() -> Finding:
    today, _ = of_last_day()
    if today.success is None:
        return alerts.ok(f"{today.delivered + today.lost} texts of 24 hours{UNTIL} ended, too few to say")
    return alerts.measured(
        today.success,
        f"{today.delivered} of {today.delivered + today.lost} texts arrived, {today.success:.0%}; 90% are wanted",
    )


def filtered() -> Finding:
    number = ended_for((outcomes.FILTERED.reason,), DAY)
    return alerts.measured(number, f"{number} texts in 24 hours were filtered by carriers (30007)")


def refused() -> Finding:
    """At once, and from the first on: what is wrong with our account is wrong for every text to come."""
    number = ended_for(OURS_TO_MEND, LATELY)
    return alerts.measured(
        number, f"{number} texts in an hour were refused for what is wrong with our account or sender"
    )


def ended_for(reasons: Sequence[str], span: timedelta) -> int:
    """Of those of the last days, by text_created_at; how many have ended so within this span."""
    now = timezone.now()
    found = Text.objects.filter(created_at__gte=now - BASELINE, moved_at__gte=now - span, reason__in=reasons)
    return found.filter(state__in=[Text.State.FAILED, Text.State.UNDELIVERED]).count()


def outbox() -> Finding:
    age = signs.outbox_age()
    if settings.SMS_BACKEND is None and age:
        return alerts.firing("texts wait, and no provider is set to take them")
    return alerts.measured(age, f"the oldest text that is due has waited for {age:.0f} s")


def text_worker() -> Finding:
    """Asked every five seconds where beat keeps time; while it does not, nobody could answer."""
    beat, worker = work.last_seen("beat"), signs.last_seen()
    if beat is None or beat > MOST_SILENCE_SECONDS:
        return alerts.ok("cannot be told while beat is silent")
    if worker is None:
        return alerts.firing("no worker of the texts has finished a task since Redis began anew")
    return alerts.measured(worker, f"a worker of the texts finished a task {worker:.0f} s ago")


def register() -> None:
    alerts.register(
        "text_worker_deaf",
        "No worker of the texts' queue finishes tasks: texts wait.",
        text_worker,
        severity=alerts.CRITICAL,
        minutes=1,
        limit=alerts.most(MOST_SILENCE_SECONDS, "s"),
        expression=f"max(callboard_text_worker_seen_seconds) > {MOST_SILENCE_SECONDS}",
    )
    figures.gauge(
        "text_worker_seen_seconds",
        "How long ago a worker of the texts finished a task.",
        lambda: {} if (ago := signs.last_seen()) is None else {(): ago},
    )
    alerts.register(
        "sms_volume",
        "Fewer texts are handed over than usual, by more than 10 %.",
        volume,
        severity=alerts.CRITICAL,
        limit=alerts.least(LEAST_VOLUME, "share"),
        # The plan's kill switch: reading by v2 should change no text, and if it is what does, this ends it.
        rollback="manage.py waffle_flag messages_readmodel_v2 --deactivate",
    )
    alerts.register(
        "sms_delivery_success",
        "Fewer than 90 % of the texts that ended have arrived.",
        success,
        severity=alerts.CRITICAL,
        limit=alerts.least(LEAST_SUCCESS, "share"),
    )
    alerts.register(
        "sms_filtered",
        "Carriers filter our texts: stop, and look at what is written.",
        filtered,
        limit=alerts.most(0, "texts"),
    )
    alerts.register(
        "sms_refused",
        "The provider refuses us: account, token, sender or its queue.",
        refused,
        severity=alerts.CRITICAL,
        limit=alerts.most(0, "texts"),
    )
    alerts.register(
        "sms_outbox_age",
        "Texts that are due are not sent.",
        outbox,
        severity=alerts.CRITICAL,
        minutes=1,
        limit=alerts.most(signs.MOST_AGE_SECONDS, "s"),
        expression=f"max(callboard_text_outbox_age_seconds) > {signs.MOST_AGE_SECONDS}",
    )
    figures.gauge("text_outbox_age_seconds", "How long the oldest text that is due has waited.", signs.outbox_age)
    figures.gauge("text_outbox_size", "Texts that wait or are being sent.", signs.outbox_size)
    figures.gauge("texts_unknown", "Texts of which nobody knows what became of them.", signs.unknown)
