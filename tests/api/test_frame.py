"""The frame of a call: what is looked for, in which order, and what every answer carries."""

import json
from uuid import uuid4

import pytest
from openapi_spec_validator import validate

from api import maintenance
from tests.conftest import make_user
from tests.web import through_wsgi


def test_answer_of_an_unknown_address_is_a_problem(api, refused):
    for address in ("/nothing", "/me/", "/events/x/y/z"):
        refused(api().get(address), 404, "not_found")


def test_page_of_an_unknown_address_is_for_people(client):
    assert client.get("/nothing")["Content-Type"].startswith("text/html")


def test_method_that_an_address_does_not_take_is_named(api, cast, refused):
    for method in ("PUT", "OPTIONS", "TRACE", "FOO"):
        response = api(cast.attendee)(method, "/me")
        refused(response, 405, "method_not_allowed")
        assert response["Allow"] == "GET, HEAD"


def test_accept_header_that_admits_no_json_is_refused(api, cast, refused):
    refused(api(cast.attendee).get("/me", Accept="text/html"), 406, "not_acceptable")


@pytest.mark.parametrize("accept", ["*/*", "application/json", "application/*", "text/html, application/json;q=0.5"])
def test_accept_header_that_admits_json_is_served(api, cast, accept):
    assert api(cast.attendee).get("/me", Accept=accept).status_code == 200


@pytest.mark.parametrize(
    "authorization", ["", "Bearer", "Bearer x", "Basic YTpi", "Bearer cb_" + "x" * 43, "cb_" + "x" * 43]
)
def test_call_without_a_valid_token_is_not_authenticated(api, cast, refused, authorization):
    response = api().get("/me", Authorization=authorization)
    refused(response, 401, "not_authenticated")
    assert response["WWW-Authenticate"] == "Bearer"


def test_token_is_looked_for_before_what_is_addressed(api, cast, refused):
    for address in (f"/events/{uuid4()}", "/events/no-id", f"/events/{cast.event.id}"):
        refused(api().get(address), 401, "not_authenticated")


@pytest.mark.parametrize(
    "event_id", ["x", "0", "{id}0", "{plain}", "{braced}", "urn:uuid:{id}", "é", "%00", "..%2f"], ids=repr
)
def test_id_that_is_no_uuid_addresses_nothing(api, cast, refused, event_id):
    made = event_id.format(id=cast.event.id, plain=cast.event.id.hex, braced="{" + str(cast.event.id) + "}")
    refused(api(cast.attendee).get(f"/events/{made}"), 404, "not_found")


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"nonsense",
        b'{"a": NaN}',
        b"\xff\xfe",
        b"[" * 100_000,
        b'{"title": 1e99999}',
        b"[1, 2]",
        b'"text"',
        b"null",
    ],
    ids=lambda body: repr(body[:12]),
)
def test_body_that_is_no_json_object_is_a_validation_error(api, cast, refused, body):
    response = api(cast.attendee).post(f"/events/{cast.event.id}/help-requests", body)
    refused(response, 400, "validation_error")


def test_body_of_another_media_type_is_refused(api, cast, refused):
    caller = api(cast.attendee)
    response = caller.client.post(
        f"/api/v1/events/{cast.event.id}/help-requests", data={"title": "x"}, headers=caller.headers
    )
    refused(response, 415, "unsupported_media_type")


def test_body_beyond_the_limit_is_too_large(api, cast, refused):
    response = api(cast.attendee).post(f"/events/{cast.event.id}/help-requests", {"title": "x" * 300_000})
    refused(response, 413, "payload_too_large")


def test_every_fault_of_a_body_is_named_at_once(api, cast, refused):
    response = api(cast.attendee).post(
        f"/events/{cast.event.id}/help-requests", {"title": 5, "details": "a\x00b", "a/b~c": 1}
    )
    pointers = {entry["pointer"] for entry in refused(response, 400, "validation_error")["errors"]}
    assert pointers == {"#/title", "#/details", "#/a~1b~0c"}


def test_fault_of_a_query_is_named(api, cast, refused):
    body = refused(api(cast.attendee).get("/events?limit=0"), 400, "validation_error")
    assert [entry["pointer"] for entry in body["errors"]] == ["?limit"]


def test_what_is_addressed_is_looked_for_before_the_shape(api, cast, refused):
    for body in ({}, b"nonsense", {"title": 5}):
        refused(api(cast.stranger).post(f"/events/{cast.event.id}/help-requests", body), 404, "not_found")


def test_answer_carries_the_request_id_that_the_client_gave(api, cast):
    assert api(cast.attendee).get("/me", X_Request_ID="client-chose-1")["X-Request-ID"] == "client-chose-1"


@pytest.mark.parametrize("given", ["short", "x" * 65, "with space!", "evil<b>id</b>"])
def test_answer_carries_an_id_of_its_own_where_the_given_one_is_unfit(api, cast, given):
    assert api(cast.attendee).get("/me", X_Request_ID=given)["X-Request-ID"] != given


def test_head_answers_as_get_does(api, cast):
    assert api(cast.attendee)("HEAD", "/me").status_code == 200


class TestMaintenance:
    def test_write_waits_and_read_goes_on(self, api, cast, refused):
        caller = api(cast.attendee)
        maintenance.switch_on()
        response = caller.post(f"/events/{cast.event.id}/help-requests", {"title": "T", "details": "D"})
        refused(response, 503, "service_unavailable")
        assert int(response["Retry-After"]) > 0
        assert caller.get("/me").status_code == 200
        maintenance.switch_off()
        response = caller.post(f"/events/{cast.event.id}/help-requests", {"title": "T", "details": "D"})
        assert response.status_code == 201

    def test_maintenance_comes_after_the_token_and_before_a_replay(self, api, cast, refused):
        address, body = f"/events/{cast.event.id}/help-requests", {"title": "T", "details": "D"}
        caller = api(cast.attendee)
        assert caller.post(address, body, Idempotency_Key="k").status_code == 201
        maintenance.switch_on()
        refused(api().post(address, body), 401, "not_authenticated")
        refused(caller.post(address, body, Idempotency_Key="k"), 503, "service_unavailable")

    def test_signing_out_goes_on(self, api, cast):
        maintenance.switch_on()
        assert api(cast.attendee).post("/auth/logout").status_code == 204

    def test_switching_twice_changes_nothing(self, db):
        assert (maintenance.switch_on(), maintenance.switch_on()) == (True, False)
        assert (maintenance.switch_off(), maintenance.switch_off()) == (True, False)


def test_document_is_openapi_3_1_and_names_every_error_code(client):
    document = json.loads(client.get("/api/schema").content)
    assert document["openapi"].startswith("3.1")
    validate(document)
    assert len(document["components"]["schemas"]["CodeEnum"]["enum"]) == 18


def test_bodies_in_the_document_take_no_unknown_members(client):
    schemas = json.loads(client.get("/api/schema").content)["components"]["schemas"]
    bodies = {name: shape for name, shape in schemas.items() if name.endswith("BodyRequest")}
    assert bodies
    assert all(shape["additionalProperties"] is False for shape in bodies.values())


@pytest.mark.parametrize("charset", ["idna", "undefined", "hex", "rot13", "punycode", "utf-16", "nonsense"])
def test_codec_that_a_client_names_breaks_nothing(within_the_test, charset):
    status, body = through_wsgi(CONTENT_TYPE=f"x; charset={charset}", QUERY_STRING="a=%41")
    assert status.startswith("401")
    assert json.loads(body)["code"] == "not_authenticated"


def test_thousands_of_parameters_are_a_fault_of_the_query(api, cast, refused):
    many = "&".join(f"a{number}=1" for number in range(1100))
    body = refused(api(cast.attendee).get(f"/events?{many}"), 400, "validation_error")
    assert body["errors"][0]["pointer"] == "?"


@pytest.mark.parametrize("address", ["/api/health", "/api/health/live", "/api/schema"])
@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS"])
def test_what_is_only_looked_at_takes_no_other_method(api, db, refused, address, method):
    caller = api()
    caller.client = type(caller.client)(enforce_csrf_checks=True)
    response = caller(method, address)
    refused(response, 405, "method_not_allowed")
    assert response["Allow"] == "GET, HEAD"


def test_form_without_its_mark_is_refused_with_a_page(db):
    from django.test import Client

    response = Client(enforce_csrf_checks=True).post("/admin/login/", {"username": "x", "password": "y"})
    assert response.status_code == 403
    assert "load the page again" in response.content.decode()


@pytest.mark.parametrize("address", ["/", "/errors", "/admin/login/"])
def test_page_under_another_name_is_not_served(client, db, address):
    assert client.get(address, headers={"Host": "evil.example"}).status_code == 400


def test_page_with_a_nul_in_its_query_is_a_bad_request(client, db):
    client.force_login(make_user("boss", is_staff=True, is_superuser=True))
    assert client.get("/admin/accounts/auditentry/?action=%00").status_code == 400


@pytest.mark.parametrize("given", ["cb_" + "x" * 43, "4917099887766", "017099887766"])
def test_request_id_that_looks_like_a_secret_is_not_taken(api, cast, given):
    assert api(cast.attendee).get("/me", X_Request_ID=given)["X-Request-ID"] != given


def test_fault_of_a_page_is_logged_with_its_frames_and_without_its_path(client, db, caplog, monkeypatch):
    def broken(*_, **__):
        raise ZeroDivisionError("what somebody wrote")

    client.raise_request_exception = False
    monkeypatch.setattr("config.console.Console.each_context", broken)
    assert client.get("/admin/login/?q=secret").status_code == 500
    (told,) = [record for record in caplog.records if record.message == "unexpected fault"]
    assert told.exc_info[0] is ZeroDivisionError
    assert "secret" not in told.getMessage()
