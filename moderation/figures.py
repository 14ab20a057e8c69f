"""What is counted of moderation: how much waits and how long, how fast it is taken up, what the rules find."""

from __future__ import annotations

from django.db.models import Count, Min
from django.utils import timezone

from moderation.models import Case, ContentRule
from moderation.states import OPEN
from rollout import figures
from rollout.alerts import Finding, firing, ok

# Seconds, from a minute to three days.
WAITS = (60, 300, 900, 1800, 3600, 4 * 3600, 12 * 3600, 24 * 3600, 3 * 24 * 3600)

time_to_claim = figures.histogram("moderation_claim_seconds", "From opening to the claim of a case.", buckets=WAITS)
time_to_decision = figures.histogram(
    "moderation_decision_seconds", "From opening to the decision of a case.", buckets=WAITS
)
rule_hits = figures.counter(
    "moderation_rule_hits",
    "Texts in which a content rule found something.",
    {"kind": ContentRule.Kind.values, "outcome": ContentRule.Outcome.values},
)


def count_open() -> dict[tuple[str], int]:
    """By case_waiting."""
    found = dict(Case.objects.filter(status__in=OPEN).values_list("status").annotate(Count("id")))
    return {(str(status),): found.get(status, 0) for status in OPEN}


def oldest_seconds() -> dict[tuple[str], float]:
    now = timezone.now()
    found = dict(Case.objects.filter(status__in=OPEN).values_list("status").annotate(Min("waiting_since")))
    return {(str(status),): (now - found[status]).total_seconds() if status in found else 0.0 for status in OPEN}


# In minutes: up to which age they count together.
AGES = {"15m": 15, "1h": 60, "4h": 240, "24h": 1440}
OLDER = "older"


def count_by_age() -> dict[tuple[str], int]:
    """Of those that are open; by case_waiting."""
    now, found = timezone.now(), dict.fromkeys((*AGES, OLDER), 0)
    for since in Case.objects.filter(status__in=OPEN).values_list("waiting_since", flat=True).iterator():
        minutes = (now - since).total_seconds() / 60
        found[next((name for name, most in AGES.items() if minutes <= most), OLDER)] += 1
    return {(name,): number for name, number in found.items()}


figures.gauge(
    "moderation_cases_by_age", "Open cases by how long they wait: up to so long, and not less than the one before.",
    count_by_age, {"upto": (*AGES, OLDER)},
)  # fmt: skip
figures.gauge("moderation_cases", "Cases that are not decided.", count_open, {"status": [str(one) for one in OPEN]})
figures.gauge(
    "moderation_oldest_case_seconds", "How long the oldest of them waits.", oldest_seconds,
    {"status": [str(one) for one in OPEN]},
)  # fmt: skip


def note_claim(case: Case) -> None:
    time_to_claim.observe((case.claimed_at - case.first_reported_at).total_seconds())


def note_decision(case: Case) -> None:
    time_to_decision.observe((case.decided_at - case.first_reported_at).total_seconds())


def probe(overdue_after: float) -> Finding:
    """For the alert about cases that nobody takes up."""
    oldest = max(oldest_seconds().values())
    waiting = sum(count_open().values())
    words = f"{waiting} open, the oldest waits {int(oldest // 60)} min"
    return firing(words) if oldest > overdue_after else ok(words)
