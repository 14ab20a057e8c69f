"""How the embedded PostgreSQL is set up: for this machine, safe against a power cut, silent about people."""

import os
from pathlib import Path

from config.size import web_threads, web_workers

MEGABYTE = 1024 * 1024
# Connections of workers, streams and whoever looks.
BESIDE_WEB = 64


def of_server(*, sockets: Path) -> dict[str, str]:
    memory = _memory()
    return {
        "listen_addresses": "",
        "port": "5432",
        "unix_socket_directories": '"{}"'.format(str(sockets).replace('"', '""')),
        "unix_socket_permissions": "0700",
        "max_connections": str(max(200, web_workers() * (web_threads() + 1) + BESIDE_WEB)),
        "fsync": "on",
        "synchronous_commit": "on",
        "shared_buffers": f"{min(max(memory // 8, 32 * MEGABYTE), 1024 * MEGABYTE) // 1024}kB",
        "effective_cache_size": f"{max(memory // 2, 64 * MEGABYTE) // 1024}kB",
        "maintenance_work_mem": f"{min(max(memory // 32, 16 * MEGABYTE), 256 * MEGABYTE) // 1024}kB",
        "max_wal_size": "2GB",
        "random_page_cost": "1.1",
        "jit": "off",
        # A table is sampled anew for the planner when half of it is new (usual is a tenth: at full load once a minute),
        # and a third of the usual sample is taken: calls share the machine with that. What they ask has fixed plans.
        "autovacuum_analyze_scale_factor": "0.5",
        "default_statistics_target": "30",
        # Personal data must not reach the log: no statements, no parameters, no detail that quotes a row,
        # and no errors at all, whose first line may quote a value; the application hears of each of them.
        "log_min_messages": "log",
        "log_min_error_statement": "panic",
        "log_error_verbosity": "terse",
        "log_parameter_max_length": "0",
        "log_parameter_max_length_on_error": "0",
        "log_line_prefix": "%m [%p] ",
    }


def _memory() -> int:
    """What this machine, or the container we are in, gives us, in bytes."""
    whole = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    try:
        return min(whole, int(Path("/sys/fs/cgroup/memory.max").read_text()))
    except (OSError, ValueError):
        return whole
