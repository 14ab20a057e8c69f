"""script/server before anything is started: what it refuses, in one line that names the variable."""

import os
import socket
import stat

import pytest

from config import home, run, servers
from config.environment import Misconfigured
from config.folder_access import Account, open_parents


@pytest.fixture
def own_home(monkeypatch, tmp_path):
    folder = tmp_path / "home"
    monkeypatch.setenv("CALLBOARD_HOME", str(folder))
    yield folder
    if (folder / "run").is_symlink():
        (folder / "run").readlink().rmdir()


def test_a_taken_port_is_named():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(Misconfigured, match=rf"^PORT={port} cannot be used: Address already in use"):
            run.check_port(port)
    run.check_port(port)


@pytest.mark.parametrize(
    ("variable", "address", "says"),
    [
        ("DATABASE_URL", "postgres://me:hush@127.0.0.1:1/x", "DATABASE_URL: 127.0.0.1:1 does not answer: "),
        ("DATABASE_URL", "postgres://me:hush@/x?host=%2Fnowhere", "DATABASE_URL: /nowhere does not answer: "),
        ("REDIS_URL", "redis://:hush@127.0.0.1:1/0", "REDIS_URL: 127.0.0.1:1 does not answer: "),
        ("REDIS_URL", "unix:///nowhere/redis.sock?db=0", "REDIS_URL: /nowhere/redis.sock does not answer: "),
    ],
)
def test_a_server_that_does_not_answer_is_named_without_its_password(monkeypatch, variable, address, says):
    monkeypatch.delenv("DATABASE_URL", raising=False)
    monkeypatch.delenv("REDIS_URL", raising=False)
    monkeypatch.setenv(variable, address)
    with pytest.raises(Misconfigured) as refused:
        run.check_named_servers()
    said = str(refused.value)
    assert said.startswith(says)
    assert "hush" not in said
    assert "\n" not in said


def test_each_server_that_the_environment_names_is_left_alone(monkeypatch, own_home):
    monkeypatch.delenv("DATABASE_URL", raising=False)
    monkeypatch.delenv("REDIS_URL", raising=False)
    postgres, redis = servers.SERVERS
    assert servers.needed(make=True) == [postgres, redis]
    assert servers.needed(make=False) == [], "a home that is not there is not made by manage.py"
    monkeypatch.setenv("DATABASE_URL", "postgres://elsewhere/x")
    assert servers.needed(make=True) == [redis]
    monkeypatch.setenv("REDIS_URL", "redis://elsewhere")
    assert servers.needed(make=True) == []


def test_the_demo_is_on_by_itself_only_with_both_embedded_servers(monkeypatch, own_home):
    for name in ("DATABASE_URL", "REDIS_URL", "CALLBOARD_DEMO"):
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)
    servers.set_defaults()
    assert os.environ.pop("CALLBOARD_DEMO") == "on"
    monkeypatch.setenv("REDIS_URL", "redis://elsewhere")
    servers.set_defaults()
    assert "CALLBOARD_DEMO" not in os.environ


def test_secrets_are_made_once_and_read_by_their_owner_alone(own_home):
    assert home.secret() is None
    home.make()
    secret = home.secret()
    assert len(secret) >= 50
    (own_home / "postgres-password").write_text("")  # cut short by a full disk
    home.make()
    assert home.secret() == secret
    for name in ("secret", "postgres-password", "postgres-superuser-password"):
        assert stat.S_IMODE((own_home / name).stat().st_mode) == 0o600
        assert (own_home / name).read_text().strip()
    assert len({home.secret(), home.password(), home.superuser_password()}) == 3


def test_a_home_has_one_set_of_processes(own_home):
    home.make()
    with (
        home.only_runner(),
        pytest.raises(home.Unusable, match="in use by another script/server"),
        home.only_runner(),
    ):
        pass
    with home.only_runner():
        pass


def test_sign_ins_are_shown_as_a_table_with_a_call_to_try():
    user = {"id": "1", "username": "ada", "password": "pw-1", "token": "t0ken"}
    shown = run._sign_ins({"users": {"attendee": user, "mvp_dealer": user | {"username": "max"}}}, "http://x:1")
    assert shown[:3] == [
        "  who         username        password",
        "  attendee    ada             pw-1",
        "  mvp dealer  max             pw-1",
    ]
    assert "  curl -H 'Authorization: Bearer t0ken' http://x:1/api/v1/me" in shown


def test_processes_get_no_secrets(own_home):
    home.make()
    given = "\n".join(run.process_environment().values())
    for secret in (home.secret(), home.password(), home.superuser_password()):
        assert secret not in given


@pytest.mark.skipif(os.geteuid() != 0, reason="only root opens folders to another account")
def test_a_folder_is_opened_to_one_account(tmp_path):
    closed = tmp_path / "closed"
    inner = closed / "inner"
    inner.mkdir(parents=True)
    closed.chmod(0o700)
    someone, other = Account(65534, 65534), Account(1, 1)
    assert closed in open_parents(inner, someone)
    assert open_parents(inner, someone) == []
    assert not closed.stat().st_mode & 0o007
    assert closed in open_parents(inner, other)
    assert open_parents(inner, someone) == []
