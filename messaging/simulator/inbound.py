"""What a phone writes to us. Twilio hears STOP, START and HELP itself, answers them, and passes all on; what our side
answers in TwiML goes back to the phone."""

from __future__ import annotations

import re
from xml.etree import ElementTree

from messaging.simulator.callbacks import Post
from messaging.simulator.network import API_VERSION, Network
from messaging.simulator.texts import Text, new_text
from messaging.simulator.twilio import MOST_CHARACTERS, SENDER, is_phone

# Only as the whole of a text.
KEYWORDS = {
    **dict.fromkeys(("STOP", "STOPALL", "UNSUBSCRIBE", "CANCEL", "END", "QUIT"), "STOP"),
    **dict.fromkeys(("START", "YES", "UNSTOP"), "START"),
    **dict.fromkeys(("HELP", "INFO"), "HELP"),
}
STOPPED = (
    "You have successfully been unsubscribed. You will not receive any more messages from this number."
    " Reply START to resubscribe."
)
STARTED = (
    "You have successfully been re-subscribed to messages from this number. Reply HELP for help."
    " Reply STOP to unsubscribe. Msg&Data Rates May Apply."
)
HELPED = "Reply STOP to unsubscribe. Msg&Data Rates May Apply."
MOST_REPLIES = 10
FIELDS = ("from", "to", "body")


def problems_with(document: object) -> list[tuple[str, str]]:
    if not isinstance(document, dict):
        return [("#", "Give an object of from, to and body.")]
    wrong = [(f"#/{name}", "There is no such field.") for name in document if name not in FIELDS]
    checks = {"from": (is_phone, "Give a phone as +49…"), "to": (SENDER.fullmatch, "Give a number or a sender's name.")}
    checks["body"] = (lambda body: 0 < len(body) <= MOST_CHARACTERS, f"Give 1 to {MOST_CHARACTERS} characters.")
    for name, (is_fit, says) in checks.items():
        value = document.get(name)
        if not isinstance(value, str) or not is_fit(value):
            wrong.append((f"#/{name}", says))
    return wrong


def keyword(body: str) -> str | None:
    return KEYWORDS.get(body.strip().upper())


class Inbound:
    def __init__(self, network: Network):
        self.network = network

    async def receive(self, from_: str, to: str, body: str) -> dict:
        """Answers once our side has, or has failed to; a text that it did not take is offered again a few times."""
        text = self.network.keep(new_text(to, from_, body, status="received", direction="inbound"))
        kind = keyword(body)
        replies = [self._answered_by_twilio(kind, text)]
        params = self._params(text, kind)
        post = Post(self.network.account.inbound_url, params, lambda _, xml: replies.extend(self._replied(text, xml)))
        status = await self.network.callbacks.tried(post)
        return {
            "sid": text.sid,
            "from": from_,
            "to": to,
            "body": body,
            "status": text.status,
            "opt_out_type": kind,
            "webhook_status": status,
            "replies": [reply.body for reply in replies if reply],
        }

    def _answered_by_twilio(self, kind: str | None, text: Text) -> Text | None:
        """STOP and START are answered where they change something, HELP wherever texts may go."""
        was_out = text.from_ in self.network.texts.opted_out
        if kind == "STOP" and not was_out:
            said = self.network.reply(text.from_, text.to, STOPPED)
            self.network.opt_out(text.from_, True)
            return said
        if kind == "START" and was_out:
            self.network.opt_out(text.from_, False)
            return self.network.reply(text.from_, text.to, STARTED)
        return self.network.reply(text.from_, text.to, HELPED) if kind == "HELP" else None

    def _replied(self, text: Text, xml: bytes) -> list[Text | None]:
        try:
            bodies = twiml(xml)
        except ValueError:
            self.network.counts["twiml_refused"] += 1
            return []
        self.network.counts["twiml_replies"] += len(bodies)
        return [self.network.reply(text.from_, text.to, body) for body in bodies]

    def _params(self, text: Text, kind: str | None) -> dict[str, str]:
        params = {
            "AccountSid": self.network.account.sid,
            "ApiVersion": API_VERSION,
            "Body": text.body,
            "From": text.from_,
            "MessageSid": text.sid,
            "NumMedia": "0",
            "NumSegments": str(text.number_of_segments),
            "SmsMessageSid": text.sid,
            "SmsSid": text.sid,
            "SmsStatus": "received",
            "To": text.to,
        }
        for side in ("From", "To"):
            params |= {f"{side}{part}": "" for part in ("City", "Country", "State", "Zip")}
        return params | ({"OptOutType": kind} if kind else {})


def twiml(xml: bytes) -> list[str]:
    """The texts of a <Response>; nothing is an answer too. Raises ValueError."""
    if not xml.strip():
        return []
    if re.search(rb"<!(DOCTYPE|ENTITY)", xml, re.IGNORECASE):
        raise ValueError("entities are not read")
    try:
        root = ElementTree.fromstring(xml)  # noqa: S314  without entities there is nothing to blow up
    except ElementTree.ParseError:
        raise ValueError("no XML") from None
    if root.tag != "Response":
        raise ValueError("no <Response>")
    said = [message_text(verb) for verb in root if verb.tag in ("Message", "Sms")][:MOST_REPLIES]
    return [body[:MOST_CHARACTERS] for body in said if body]


def message_text(verb: ElementTree.Element) -> str:
    nouns = verb.findall("Body")
    return "".join("".join(part.itertext()) for part in (nouns or [verb])).strip()
