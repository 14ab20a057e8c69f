from pathlib import Path

import pytest

from api.errors import CATALOGUE, ApiError

# Written by hand after the contract: code, status, whether a repeat with the same key gets it again.
CONTRACT = {
    "validation_error": (400, False),
    "help_request_unavailable": (400, False),
    "not_authenticated": (401, False),
    "permission_denied": (403, True),
    "not_found": (404, True),
    "method_not_allowed": (405, False),
    "not_acceptable": (406, False),
    "conversation_exists": (409, True),
    "invalid_state": (409, True),
    "confirmation_required": (409, False),
    "idempotency_in_progress": (409, False),
    "payload_too_large": (413, False),
    "unsupported_media_type": (415, False),
    "idempotency_mismatch": (422, False),
    "quota_exceeded": (429, False),
    "rate_limited": (429, False),
    "server_error": (500, False),
    "service_unavailable": (503, False),
}


def test_catalogue_holds_exactly_the_codes_of_the_contract():
    assert {code: (error.status, error.is_decided) for code, error in CATALOGUE.items()} == CONTRACT


@pytest.mark.parametrize("code", CONTRACT)
def test_error_page_says_what_it_means_and_what_to_do(client, code):
    page = client.get(f"/errors/{code}")
    assert page.status_code == 200
    text = page.content.decode()
    assert code in text
    assert "What to do" in text


def test_error_list_links_every_code(client):
    text = client.get("/errors").content.decode()
    assert all(f'href="/errors/{code}"' in text for code in CONTRACT)


def test_documentation_names_every_code():
    text = (Path(__file__).parents[2] / "docs" / "errors.md").read_text()
    assert [code for code in CONTRACT if f"`{code}`" not in text] == []


def test_error_page_of_an_unknown_code_is_a_page_not_found(client):
    page = client.get("/errors/nonsense")
    assert page.status_code == 404
    assert page["Content-Type"].startswith("text/html")


def test_every_error_explains_itself():
    for error in ApiError.__subclasses__():
        assert len(error.meaning) > 40, error.code
        assert len(error.remedy) > 20, error.code
