import os
import signal
import subprocess
import sys

from config.environment import REPOSITORY
from tests.waiting import PATIENCE, wait_until

RUN = """
import os, signal, sys
from pathlib import Path
from config.processes import Processes
def stop(*_):
    raise KeyboardInterrupt
signal.signal(signal.SIGTERM, stop)
folder = Path(sys.argv[1])
try:
    Processes(folder / "Procfile", logs=folder, environment=dict(os.environ), without=["left_out"]).loop()
except KeyboardInterrupt:
    pass
"""


def start(folder, procfile: str) -> subprocess.Popen:
    (folder / "Procfile").write_text(procfile)
    return subprocess.Popen(
        [sys.executable, "-c", RUN, folder], cwd=REPOSITORY, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )


def lines(file) -> list[str]:
    return file.read_text().split() if file.exists() else []


def is_alive(pid: str) -> bool:
    try:
        with open(f"/proc/{pid}/stat") as state:
            return state.read().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_a_process_that_ends_is_started_again_and_the_others_go_on(tmp_path):
    manager = start(
        tmp_path,
        "# a remark: is no process\n"
        f"left_out: touch {tmp_path}/left_out\n"
        f"steady: sh -c 'echo $$ >> {tmp_path}/steady; exec sleep 60'\n"
        f"frail: sh -c 'echo $$ >> {tmp_path}/frail; echo last words; exit 3'\n",
    )
    wait_until(lambda: len(lines(tmp_path / "frail")) >= 3)
    manager.terminate()
    said, _ = manager.communicate(timeout=PATIENCE)
    assert manager.returncode == 0
    assert "frail ended (exit code 3), again in 0.5 s" in said
    assert "again in 1 s" in said
    assert "last words" in said
    assert "Traceback" not in said
    assert len(lines(tmp_path / "steady")) == 1
    assert not is_alive(lines(tmp_path / "steady")[0])
    assert not (tmp_path / "left_out").exists()


def test_what_a_process_leaves_behind_and_what_ignores_the_signal_is_ended(tmp_path):
    manager = start(
        tmp_path,
        f"deaf: sh -c 'trap \"\" TERM; sleep 60 & echo $! $$ > {tmp_path}/pids; while true; do sleep 1; done'\n"
        f"next: sh -c 'echo $$ > {tmp_path}/next; exec sleep 60'\n",
    )
    # The next is started once the manager knows the first.
    wait_until(lambda: len(lines(tmp_path / "pids")) == 2 and lines(tmp_path / "next"))
    manager.terminate()
    manager.communicate(timeout=PATIENCE)
    wait_until(lambda: not any(is_alive(pid) for pid in lines(tmp_path / "pids")))


def test_processes_end_when_the_manager_is_killed(tmp_path):
    manager = start(tmp_path, f"one: sh -c 'echo $$ > {tmp_path}/pid; exec sleep 60'\n")
    wait_until(lambda: len(lines(tmp_path / "pid")) == 1)
    os.kill(manager.pid, signal.SIGKILL)
    manager.communicate(timeout=PATIENCE)
    wait_until(lambda: not is_alive(lines(tmp_path / "pid")[0]))
