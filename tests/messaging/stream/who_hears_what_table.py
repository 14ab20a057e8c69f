# ruff: noqa: E501 - a table is read across.
"""Who hears of what through an open stream: every event by every kind of person, written by hand.

A row is something that happens; `+` hears of it, once, and `-` does not. The attendee is tagged `crew`, talks with the MVP dealer
and has reported what was said; the group is the organizer's with the dealer, the muted and the suspended, and somebody who
left it. All from `attendee` to `left` are members of the event; staff and the stranger never were.
"""

TABLE = """
EVENT                                   attendee attendee_2 dealer mvp_dealer organizer moderator muted suspended left removed stranger staff

message.created
  said in the talk                      + - - + - - - - - - - -
  said in the group                     - - + - + - + + - - - -
  held back                             - - - + - - - - - - - -
  held back and let out                 + - - + - - - - - - - -
  said by one who was blocked           - - + - + - + + - - - -
  announced under v1                    + + + + + + + + + - - -
  announced under v2                    + + + + + + + + + - - -
  announced to dealers                  - - + - + - - - - - - -
  posted to the crew                    + - - - + - - - - - - -
  announced by text                     + + + + + + + + + - - -
  ordered for moderators                - - - - + + - - - - - -
  ordered by the MVP dealer             + + - + - - + + + - - -
  begun with the other attendee         - + - - + - - - - - - -
message.updated
  deleted in the talk                   + - - + - - - - - - - -
  let out                               - - - + - - - - - - - -
  deleted while it was held             - - - + - - - - - - - -
  an announcement is removed            + + + + + + + + + - - -
  a post is removed and restored        + - - - + - - - - - - -
conversation.created
  a talk with the other attendee        - + - - + - - - - - - -
  invited into the group                - + - - - - - - - - - -
conversation.read
  the talk, by the attendee             + - - + - - - - - - - -
  the group, by the muted               - + + - + - + + - - - -
typing
  in the talk, by the MVP dealer        + - - - - - - - - - - -
  in the group, by the organizer        - + + - - - + + - - - -
delivery.updated
  of the organizer's text               - - - - + - - - - - - -
broadcast.progress
  of the organizer's                    - - - - + - - - - - - -
  of the MVP dealer's                   - - - + - - - - - - - -
report.updated
  the attendee's is taken up            + - - - - - - - - - - -
reset
  of an id from elsewhere               - - - - - - - - - - + -
"""
