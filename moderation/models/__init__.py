"""Reports, the cases that they make, what was decided, and the sanctions that follow.

The API's role sees a person's own reports, sanctions and appeals, and nothing else of this (row-level security); what
moderators do is checked in Python and done as the owner, in the same transaction.
"""

from moderation.models.base import ACTIONS, OUTCOMES, REASONS, SANCTIONS, TIMED
from moderation.models.cases import Case, CaseNote, Decision, Evidence, Report, TranscriptLook
from moderation.models.content_rules import CaseAlert, ContentRule, RuleHit
from moderation.models.sanctions import Appeal, Sanction

__all__ = [
    "ACTIONS",
    "OUTCOMES",
    "REASONS",
    "SANCTIONS",
    "TIMED",
    "Appeal",
    "Case",
    "CaseAlert",
    "CaseNote",
    "ContentRule",
    "Decision",
    "Evidence",
    "Report",
    "RuleHit",
    "Sanction",
    "TranscriptLook",
]
