# ruff: noqa: E501 - a table is read across.
"""Who may see what through every call: role by call by object, written by hand.

A row begins with what the call addresses: `show`, or nothing (`-`); `group/dealer` names both ids of a path,
`?show` the id in the query, `show>stranger` whom or what the body names, and `show:attendee` looks for an object in the
answer. A cell is the status, or the reason of a 403; `+` and `-` are 200 with the object and 200 without it.
"""

TABLE = """
CALL                                                  attendee attendee_2 dealer mvp_dealer organizer moderator removed stranger staff nobody

POST /auth/login
  -                                                   401 401 401 401 401 401 401 401 401 401
POST /auth/logout
  -                                                   204 204 204 204 204 204 204 204 204 401
GET /me
  -                                                   200 200 200 200 200 200 200 200 200 401
GET /features
  ?show                                               200 200 200 200 200 200 404 404 200 401
  ?elsewhere                                          404 404 404 404 404 404 404 404 200 401
GET /events
  -:show                                              + + + + + + - - + 401
  -:elsewhere                                         - - - - - - - - + 401
GET /events/{event_id}
  show                                                200 200 200 200 200 200 404 404 200 401
  elsewhere                                           404 404 404 404 404 404 404 404 200 401
GET /events/{event_id}/members
  show:dealer                                         + + + + + + 404 404 + 401
  show:removed                                        - - - - - - 404 404 - 401
  elsewhere                                           404 404 404 404 404 404 404 404 200 401
GET /events/{event_id}/capabilities
  show                                                200 200 200 200 200 200 404 404 200 401
  elsewhere                                           404 404 404 404 404 404 404 404 200 401
GET /events/{event_id}/help-requests
  show:question                                       + + + + + + 404 404 + 401
  show:question_elsewhere                             - - - - - - 404 404 - 401
  elsewhere                                           404 404 404 404 404 404 404 404 200 401
POST /events/{event_id}/help-requests
  show                                                201 201 201 201 201 201 404 404 not_member 401
  elsewhere                                           404 404 404 404 404 404 404 404 not_member 401
PATCH /help-requests/{help_request_id}
  question                                            role role 200 role 200 200 404 404 not_member 401
  question_elsewhere                                  404 404 404 404 404 404 404 404 not_member 401
POST /help-requests/{help_request_id}/conversations
  question                                            201 409 read_only 201 201 201 404 404 not_member 401
  question_elsewhere                                  404 404 404 404 404 404 404 404 not_member 401

POST /events/{event_id}/conversations
  show>mvp_dealer                                     409 201 role 400 201 201 404 404 not_member 401
  show>stranger                                       not_member not_member not_member not_member not_member not_member 404 404 not_member 401
  show>unknown                                        not_member not_member not_member not_member not_member not_member 404 404 not_member 401
  elsewhere>guest                                     404 404 404 404 404 404 404 404 not_member 401
GET /conversations
  -:direct                                            + - - + - - - - - 401
  -:group                                             + - + - + - + - - 401
  -:help                                              - + + - - - - - - 401
  -:past                                              - - - - - + + - - 401
  -:talk_elsewhere                                    - - - - - - - - - 401
  ?show:direct                                        + - - + - - 404 404 - 401
  ?elsewhere                                          404 404 404 404 404 404 404 404 200 401
GET /conversations/{conversation_id}
  direct                                              200 404 404 200 404 404 404 404 404 401
  group                                               200 404 200 404 200 404 200 404 404 401
  help                                                404 200 200 404 404 404 404 404 404 401
  past                                                404 404 404 404 404 200 200 404 404 401
  talk_elsewhere                                      404 404 404 404 404 404 404 404 404 401
GET /conversations/{conversation_id}/messages
  direct:said                                         + 404 404 + 404 404 404 404 404 401
  direct:held                                         - 404 404 + 404 404 404 404 404 401
  group:told                                          + 404 + 404 + 404 + 404 404 401
  past:gone                                           404 404 404 404 404 + + 404 404 401
  talk_elsewhere                                      404 404 404 404 404 404 404 404 404 401
POST /conversations/{conversation_id}/messages
  direct                                              201 404 404 201 404 404 404 404 404 401
  group                                               201 404 read_only 404 201 404 not_member 404 404 401
  past                                                404 404 404 404 404 not_member not_member 404 404 401
  talk_elsewhere                                      404 404 404 404 404 404 404 404 404 401
POST /conversations/{conversation_id}/read
  direct>said                                         204 404 404 204 404 404 404 404 404 401
  direct>held                                         404 404 404 204 404 404 404 404 404 401
  direct>told                                         404 404 404 404 404 404 404 404 404 401
  direct>unknown                                      404 404 404 404 404 404 404 404 404 401
  group>told                                          204 404 204 404 204 404 204 404 404 401
  talk_elsewhere>private_elsewhere                    404 404 404 404 404 404 404 404 404 401
POST /conversations/{conversation_id}/typing
  direct                                              204 404 404 204 404 404 404 404 404 401
  group                                               204 404 read_only 404 204 404 not_member 404 404 401
  talk_elsewhere                                      404 404 404 404 404 404 404 404 404 401
POST /conversations/{conversation_id}/participants
  group>attendee_2                                    role 404 role 404 204 404 not_member 404 404 401
  group>stranger                                      not_member 404 not_member 404 not_member 404 not_member 404 404 401
  group>unknown                                       not_member 404 not_member 404 not_member 404 not_member 404 404 401
  direct>dealer                                       role 404 404 409 404 404 404 404 404 401
  talk_elsewhere>dealer                               404 404 404 404 404 404 404 404 404 401
DELETE /conversations/{conversation_id}/participants/{user_id}
  group/dealer                                        role 404 204 404 204 404 not_member 404 404 401
  group/removed                                       role 404 role 404 204 404 204 404 404 401
  group/attendee_2                                    404 404 404 404 404 404 404 404 404 401
  group/unknown                                       404 404 404 404 404 404 404 404 404 401
  direct/attendee                                     409 404 404 409 404 404 404 404 404 401
  talk_elsewhere/guest                                404 404 404 404 404 404 404 404 404 401

GET /events/{event_id}/feed
  show:announced                                      + + + + + + 404 404 not_member 401
  show:posted                                         + - - - + - 404 404 not_member 401
  show:said                                           + - - + - - 404 404 not_member 401
  show:held                                           - - - + - - 404 404 not_member 401
  show:told                                           + - + - + - 404 404 not_member 401
  show:offered                                        - + + - - - 404 404 not_member 401
  show:public_elsewhere                               - - - - - - 404 404 not_member 401
  show?announced                                      200 200 200 200 200 200 404 404 not_member 401
  show?posted                                         200 404 404 404 200 404 404 404 not_member 401
  show?said                                           200 404 404 200 404 404 404 404 not_member 401
  show?held                                           404 404 404 200 404 404 404 404 not_member 401
  show?public_elsewhere                               404 404 404 404 404 404 404 404 not_member 401
  elsewhere                                           404 404 404 404 404 404 404 404 not_member 401
POST /events/{event_id}/feed/read
  show>announced                                      204 204 204 204 204 204 404 404 not_member 401
  show>posted                                         204 404 404 404 204 404 404 404 not_member 401
  show>said                                           204 404 404 204 404 404 404 404 not_member 401
  show>held                                           404 404 404 204 404 404 404 404 not_member 401
  show>public_elsewhere                               404 404 404 404 404 404 404 404 not_member 401
  elsewhere>public_elsewhere                          404 404 404 404 404 404 404 404 not_member 401
GET /events/{event_id}/unread
  show                                                200 200 200 200 200 200 404 404 not_member 401
  elsewhere                                           404 404 404 404 404 404 404 404 not_member 401

GET /stream
  -                                                   200 200 200 200 200 200 200 200 200 401

DELETE /messages/{message_id}
  said                                                204 404 404 role 404 404 404 404 404 401
  announced                                           role role role role 204 role role 404 404 401
  private_elsewhere                                   404 404 404 404 404 404 404 404 404 401
POST /messages/{message_id}/remove
  said                                                role 404 404 role 200 200 404 404 200 401
  held                                                404 404 404 role 200 200 404 404 200 401
  announced                                           role role role role 200 200 not_member 404 200 401
  posted                                              role 404 404 404 200 200 404 404 200 401
  private_elsewhere                                   404 404 404 404 404 404 404 404 200 401
  public_elsewhere                                    404 404 404 404 404 404 404 404 200 401
POST /messages/{message_id}/restore
  said                                                role 404 404 role 409 409 404 404 409 401
  posted                                              role 404 404 404 409 409 404 404 409 401
  private_elsewhere                                   404 404 404 404 404 404 404 404 409 401
POST /messages/{message_id}/release
  held                                                404 404 404 role 200 200 404 404 200 401
  said                                                role 404 404 role 409 409 404 404 409 401
  private_elsewhere                                   404 404 404 404 404 404 404 404 409 401

POST /messages/{message_id}/reports
  said                                                201 404 404 409 404 404 404 404 404 401
  heard                                               201 404 404 201 404 404 404 404 404 401
  held                                                404 404 404 201 404 404 404 404 404 401
  told                                                201 404 201 404 201 404 not_member 404 404 401
  announced                                           201 201 201 201 201 201 not_member 404 404 401
  posted                                              201 404 404 404 201 404 404 404 404 401
  private_elsewhere                                   404 404 404 404 404 404 404 404 404 401
GET /reports
  -:report                                            - - - + - - - - - 401
  -:report_elsewhere                                  - - - - - - - - - 401
GET /sanctions
  -:warning                                           - + - - - - - - - 401
  -:warning_elsewhere                                 - - - - - - - - - 401
POST /sanctions/{sanction_id}/appeal
  warning                                             404 201 404 404 role role 404 404 role 401
  warning_elsewhere                                   404 404 404 404 404 404 404 404 role 401
POST /sanctions/{sanction_id}/appeal/decide
  warning                                             404 role 404 404 409 own_decision 404 404 409 401
  warning_elsewhere                                   404 404 404 404 404 404 404 404 own_decision 401
POST /sanctions/{sanction_id}/lift
  warning                                             404 role 404 404 200 200 404 404 200 401
  warning_elsewhere                                   404 404 404 404 404 404 404 404 200 401
GET /moderation/reports
  -:case                                              role role role role + + role role + 401
  -:case_elsewhere                                    role role role role - - role role + 401
  ?show:case                                          role role role role + + 404 404 + 401
  ?elsewhere:case_elsewhere                           404 404 404 404 404 404 404 404 + 401
POST /moderation/reports/{case_id}/claim
  case                                                404 404 404 404 200 200 404 404 200 401
  report                                              404 404 404 role 200 200 404 404 200 401
  case_elsewhere                                      404 404 404 404 404 404 404 404 200 401
POST /moderation/reports/{case_id}/decide
  case                                                404 404 404 404 200 200 404 404 200 401
  report                                              404 404 404 role 200 200 404 404 200 401
  case_elsewhere                                      404 404 404 404 404 404 404 404 200 401
POST /moderation/reports/{case_id}/transcript
  case                                                404 404 404 404 200 200 404 404 200 401
  report                                              404 404 404 role 200 200 404 404 200 401
  case_elsewhere                                      404 404 404 404 404 404 404 404 409 401

PUT /users/{user_id}/block
  dealer                                              204 204 400 204 204 204 404 404 404 401
  removed                                             404 404 404 404 404 404 400 404 404 401
  guest                                               404 404 404 404 404 404 404 404 404 401
DELETE /users/{user_id}/block
  attendee_2                                          204 400 204 204 204 204 404 404 404 401
  guest                                               404 404 404 404 404 404 404 404 404 401
GET /blocks
  -:attendee_2                                        + - - - - - - - - 401

GET /events/{event_id}/broadcasts
  show:order                                          role role role - + + 404 404 + 401
  show:mvp_order                                      role role role + + + 404 404 + 401
  elsewhere                                           404 404 404 404 404 404 404 404 200 401
POST /events/{event_id}/broadcasts
  show                                                role role role role 201 role 404 404 not_member 401
  show>attendee                                       role role role 201 201 role 404 404 not_member 401
  elsewhere                                           404 404 404 404 404 404 404 404 not_member 401
POST /events/{event_id}/broadcasts/preview
  show                                                role role role role 200 role 404 404 not_member 401
  show>attendee                                       role role role 200 200 role 404 404 not_member 401
  elsewhere                                           404 404 404 404 404 404 404 404 not_member 401
GET /broadcasts/{broadcast_id}
  order                                               404 404 404 404 200 200 404 404 200 401
  mvp_order                                           404 404 404 200 200 200 404 404 200 401
  order_elsewhere                                     404 404 404 404 404 404 404 404 200 401
POST /broadcasts/{broadcast_id}/cancel
  order                                               404 404 404 404 200 200 404 404 200 401
  mvp_order                                           404 404 404 200 200 200 404 404 200 401
  order_elsewhere                                     404 404 404 404 404 404 404 404 200 401
GET /events/{event_id}/broadcast-quota
  show                                                role role role 200 200 200 404 404 200 401
  elsewhere                                           404 404 404 404 404 404 404 404 200 401
POST /webhooks/twilio/status
  -                                                   signature signature signature signature signature signature signature signature signature signature
POST /webhooks/twilio/inbound
  -                                                   signature signature signature signature signature signature signature signature signature signature
"""

# Which parameter of the query the `?` of a row names.
QUERIES = {
    "GET /features": "event",
    "GET /conversations": "event",
    "GET /moderation/reports": "event",
    "GET /events/{event_id}/feed": "since",
}

# What each call sends; `named` is the id after the `>` of its row. The rest send nothing.
BODIES = {
    "POST /auth/login": lambda named: {"username": "attendee", "password": "not this one"},
    "POST /events/{event_id}/help-requests": lambda named: {"title": "Scissors", "details": "Any scissors?"},
    "PATCH /help-requests/{help_request_id}": lambda named: {"status": "in_progress"},
    "POST /help-requests/{help_request_id}/conversations": lambda named: {"content": "I have some tape."},
    "POST /events/{event_id}/conversations": lambda named: {"recipient_id": named, "content": "Hello"},
    "POST /conversations/{conversation_id}/messages": lambda named: {"content": "Hello"},
    "POST /conversations/{conversation_id}/read": lambda named: {"message_id": named},
    "POST /events/{event_id}/feed/read": lambda named: {"message_id": named},
    "POST /conversations/{conversation_id}/participants": lambda named: {"user_id": named},
    "POST /messages/{message_id}/remove": lambda named: {"reason": "Off topic."},
    "POST /messages/{message_id}/reports": lambda named: {"reason": "spam"},
    "POST /sanctions/{sanction_id}/appeal": lambda named: {"text": "It was not me."},
    "POST /sanctions/{sanction_id}/appeal/decide": lambda named: {"decision": "rejected"},
    "POST /sanctions/{sanction_id}/lift": lambda named: {"reason": "Enough."},
    "POST /moderation/reports/{case_id}/decide": lambda named: {"decision": "dismissed", "version": 1},
    "POST /moderation/reports/{case_id}/transcript": lambda named: {"reason": "The days before."},
    "POST /events/{event_id}/broadcasts": lambda named: {
        "kind": "announcement",
        "content": "Hear this",
        **({"roles": ["attendee"]} if named else {}),
    },
}
BODIES["POST /events/{event_id}/broadcasts/preview"] = BODIES["POST /events/{event_id}/broadcasts"]
