"""What an organizer can do about texts that did not arrive."""

from __future__ import annotations

from django.utils.translation import gettext_lazy

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


def on(row: dict) -> dict:
    return {**row, "advice": BY_REASON.get(row["reason"]) or BY_CODE.get(row["code"]) or OTHERWISE}
