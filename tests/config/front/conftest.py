import pytest

from tests.config.front.house import Backend, Front, short_folder


@pytest.fixture(scope="package")
def house():
    with short_folder() as folder:
        web, stream = Backend(f"{folder}/web", "web"), Backend(f"{folder}/stream", "stream")
        front = Front(folder)
        yield front, web, stream
        front.stop()
        web.stop()
        stream.stop()


@pytest.fixture
def front(house):
    front, web, stream = house
    web.reset()
    stream.reset()
    yield front
    web.gate.set()
    stream.gate.set()


@pytest.fixture
def web(house):
    return house[1]


@pytest.fixture
def stream(house):
    return house[2]


@pytest.fixture
def own_house():
    """For tests that stop things: front and backends of their own."""
    made = []

    with short_folder() as folder:

        def make(settings="", with_web=True, **environment):
            web = Backend(f"{folder}/web", "web") if with_web else None
            stream = Backend(f"{folder}/stream", "stream")
            front = Front(folder, settings, **environment)
            made.append(front)
            return front, web, stream, folder

        yield make
        for front in made:
            front.process.kill()
            front.process.wait()
