"""What a line of a measurement says of the CPU: whose it was."""

import time
from types import SimpleNamespace

from benchmarks import table


class Nobody:
    """A stand of which nothing runs."""

    def cpu(self):
        return dict.fromkeys(table.PARTS, 0.0)


def test_what_the_host_gave_to_others_is_told_apart_from_what_ran_here(monkeypatch):
    now = table.psutil.cpu_times()
    told = iter([now, now._replace(user=now.user + 2.0, steal=now.steal + 1.0)])
    monkeypatch.setattr(table.psutil, "cpu_times", lambda: next(told))
    moments = iter([100.0, 104.0])
    monkeypatch.setattr(table, "time", SimpleNamespace(monotonic=lambda: next(moments)))
    with table.watched(Nobody()) as spent:
        pass
    assert round(spent.cores_stolen, 2) == 0.25
    assert round(spent.cores_elsewhere, 1) == 0.5


def test_the_cpu_of_the_generator_is_its_own_part():
    with table.watched(Nobody()) as spent:
        until = time.process_time() + 0.1
        while time.process_time() < until:
            pass
    assert spent.cpu["load"] >= 0.1
