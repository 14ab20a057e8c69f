"""What a client does on each ending of a stream; docs/stream-client.svg is drawn from it."""

# Each thing that happens, from where to where.
TRANSITIONS: dict[str, dict[str, str]] = {
    "200": {"connecting": "listening"},
    "cut": {"listening": "waiting", "connecting": "waiting"},
    "429, 503": {"connecting": "waiting"},
    "retry": {"waiting": "connecting"},
    "reset": {"listening": "reading anew"},
    "all read": {"reading anew": "listening"},
    "401": {"connecting": "signed out"},
    "400": {"connecting": "without an id"},
    "forget it": {"without an id": "connecting"},
    "sign in": {"signed out": "connecting"},
}
BEGINNINGS = ("connecting",)
