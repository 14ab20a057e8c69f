import pytest


@pytest.mark.parametrize("is_demo", [True, False])
def test_front_page_shows_the_sign_ins_in_a_demo_only(client, settings, is_demo):
    settings.DEMO = is_demo
    page = client.get("/").content.decode()
    assert ("demo-mvp-dealer" in page) is is_demo
    assert "/api/docs" in page


@pytest.mark.parametrize("backend", ["simulator", "twilio", None])
def test_the_phones_have_a_door_where_they_are_simulated(client, settings, backend):
    settings.SMS_BACKEND = backend
    assert ('href="/simulator"' in client.get("/").content.decode()) is (backend == "simulator")


def test_pages_load_nothing_from_elsewhere(client):
    for address in ("/", "/errors", "/errors/not_found", "/api/docs", "/nothing"):
        page = client.get(address).content.decode()
        assert 'src="http' not in page
        assert 'href="http' not in page


def test_api_page_brings_its_reader_along(client):
    assert "redoc.standalone.js" in client.get("/api/docs").content.decode()
