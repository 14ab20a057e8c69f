"""What an organizer is told of texts that did not arrive, and of a broadcast that did not go out."""

from __future__ import annotations

import re

from django.utils.translation import gettext, gettext_lazy

from broadcasts import publication
from events import rules

BY_REASON = {
    "opted_out": gettext_lazy("They said STOP and still read it in the app. Only they can undo it, by texting START."),
    "no_phone": gettext_lazy("They have no number here. Ask them for it, and have it added to their account."),
    "not_member": gettext_lazy("They left, or their account was closed, before it went out. There is nothing to do."),
    "suspended": gettext_lazy("They are suspended in this event. There is nothing to do."),
    "message_removed": gettext_lazy("A moderator removed the message before all of it had gone out."),
    "country": gettext_lazy("Texts do not go to their country. They read it in the app."),
    "quiet_hours": gettext_lazy("It was no longer valid when the quiet hours ended. Let it be valid for longer."),
    "expired": gettext_lazy("It was no longer valid when its turn came. Let it be valid for longer."),
    "our_account": gettext_lazy("The provider refuses our account or our number. Tell your operator."),
    "too_long": gettext_lazy("It is longer than the provider takes. Write less next time."),
    "queue_overflow": gettext_lazy("The provider took no more at once. Tell your operator."),
    "spend_limit": gettext_lazy("What texts may cost in a day was used up. Ask your operator to raise the limit."),
}
BY_CODE = {
    30003: gettext_lazy("Their phone was off or out of reach. It is not tried again; they read it in the app."),
    30004: gettext_lazy("Their operator blocks it. Ask them to allow texts from your number."),
    30005: gettext_lazy("The number does not exist. Ask them for the right one."),
    30006: gettext_lazy("A landline, or a network that takes no texts. Ask them for a mobile number."),
    30007: gettext_lazy("The operator took it for spam. Write plainly, without links, next time."),
    21610: gettext_lazy("They said STOP to the provider. Only they can undo it, by texting START."),
    21211: gettext_lazy("The number is not valid. Ask them for the right one."),
    21614: gettext_lazy("The number takes no texts. Ask them for a mobile number."),
}
OTHERWISE = gettext_lazy("The provider could not deliver it. Your operator finds each of them in the ledger of texts.")

# As its record has it; what the page says of it.
CAUSES = {
    publication.NOT_ALLOWED[rules.SUSPENDED]: gettext_lazy("Its sender was suspended in the event at that time."),
    publication.NOT_ALLOWED[rules.MUTED]: gettext_lazy("Its sender was muted in the event at that time."),
    publication.NOT_ALLOWED[rules.NOT_MEMBER]: gettext_lazy("Its sender was no member of the event any more."),
    publication.NOT_ALLOWED[rules.ROLE]: gettext_lazy("Its sender's role did not allow it any more."),
    publication.NOT_ALLOWED[rules.CONTENT_RULE]: gettext_lazy("A content rule of the event did not let its text pass."),
    publication.MAINTENANCE: gettext_lazy("Writing was switched off for maintenance. Send it anew."),
    publication.NOBODY: gettext_lazy("Nothing was there to publish it. Tell your operator, and send it anew."),
    publication.FAULTS: gettext_lazy("It failed again and again. Tell your operator; the log says how."),
}
_RECORD = re.compile(r"Planned for \S+; (?:it was (\d+) min late and no longer valid: )?(.+)\.")


def why(recorded: str | None) -> str:
    """Why a broadcast did not go out. For when it was planned stands beside it."""
    found = _RECORD.fullmatch(recorded or "")
    if found is None:
        return recorded or ""
    late, cause = found.groups()
    told = str(CAUSES.get(cause, cause))
    return f"{gettext('It was %(n)s min late and no longer valid.') % {'n': late}} {told}" if late else told


def on(row: dict) -> dict:
    return {**row, "advice": BY_REASON.get(row["reason"]) or BY_CODE.get(row["code"]) or OTHERWISE}
