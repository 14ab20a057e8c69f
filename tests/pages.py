"""Pages as a person without JavaScript uses them: addresses are got, forms are posted with what they hold."""

from __future__ import annotations

from html.parser import HTMLParser
from urllib.parse import urljoin

from django.test import Client


class Form(HTMLParser):
    """The fields of the form of a page that posts to this address."""

    def __init__(self, page: str, action: str):
        super().__init__()
        self.action, self.fields, self._inside, self._area, self.is_found = action, {}, False, None, False
        self.feed(page)

    def handle_starttag(self, tag, attributes):
        given = dict(attributes)
        if tag == "form":
            self._inside = given.get("method") == "post" and given.get("action", self.action) == self.action
            self.is_found = self.is_found or self._inside
        elif self._inside and tag == "input" and given.get("name"):
            if given.get("type") not in ("checkbox", "radio") or "checked" in given:
                self.fields[given["name"]] = given.get("value", "")
        elif self._inside and tag == "textarea":
            self._area = given["name"]
            self.fields[self._area] = ""

    def handle_data(self, data):
        if self._area:
            self.fields[self._area] += data

    def handle_endtag(self, tag):
        if tag == "textarea":
            self._area = None
        if tag == "form":
            self._inside = False


class Visitor:
    """A browser without scripts, signed in as this person."""

    def __init__(self, user=None, **headers: str):
        self.client = Client(enforce_csrf_checks=True, headers=headers, raise_request_exception=True)
        if user:
            self.client.force_login(user)
        self.address, self.page, self.status = "", "", 0

    def get(self, address: str) -> str:
        return self._arrived(address, self.client.get(address))

    def post(self, action: str, **values) -> str:
        """Fills in the form of the present page that leads there, and sends it; follows where it leads."""
        form = Form(self.page, action)
        assert form.is_found, f"no form leads to {action}"
        return self.send(action, **{**form.fields, **values})

    def send(self, action: str, **values) -> str:
        return self._arrived(action, self.client.post(action, values))

    def _arrived(self, address: str, response) -> str:
        self.first_status = response.status_code
        while response.status_code in (301, 302):
            address = urljoin(address, response["Location"]).partition("#")[0]
            response = self.client.get(address)
        self.address, self.status, self.response = address, response.status_code, response
        self.page = response.content.decode()
        return self.page
