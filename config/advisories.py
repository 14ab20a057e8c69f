"""script/lock --audit: asks by pip-audit whether a pin has a known hole, and says plainly when nobody could be asked.

    python3 config/advisories.py PIP_AUDIT LOCK [more words for pip-audit]

Ends with 0 when every package was asked about and none has an advisory, with 1 where one has, and with 2 where there is
no answer for all of them: pip-audit itself ends with 0 and *No known vulnerabilities found* when nobody told it.
Of the standard library alone: it runs where nothing is installed yet.
"""

from __future__ import annotations

import json
import subprocess
import sys

CLEAN, FOUND, NOT_ASKED = 0, 1, 2
MOST_NAMED = 5


def main(program: str, lock: str, *more: str) -> int:
    command = [
        program,
        "--progress-spinner",
        "off",
        "--format",
        "json",
        "--disable-pip",
        "--require-hashes",
        "-r",
        lock,
    ]
    ran = subprocess.run([*command, *more], capture_output=True, text=True, check=False)
    try:
        packages = json.loads(ran.stdout)["dependencies"]
    except (ValueError, KeyError, TypeError):
        last = (ran.stderr.strip().splitlines() or ["it said nothing"])[-1]
        return say(NOT_ASKED, f"pip-audit could not ask the advisory database: {last}", "No audit was made.")
    return judge(packages)


def judge(packages: list[dict]) -> int:
    """Of the members that pip-audit's JSON has: name, version and vulns of each, or a skip_reason."""
    passed_over = [package["name"] for package in packages if "skip_reason" in package]
    asked = [package for package in packages if "skip_reason" not in package]
    lines = [told(package, hole) for package in asked for hole in package["vulns"]]
    if passed_over or not asked:
        named = ", ".join(passed_over[:MOST_NAMED]) + (", …" if len(passed_over) > MOST_NAMED else "")
        lines.append(f"Of {len(passed_over)} of {len(packages)} packages the advisory database has not told: {named}.")
        lines.append(
            "No audit was made of these." if asked else "No audit was made. Is the database reached from here?"
        )
    if any(package["vulns"] for package in asked):
        return say(FOUND, *lines)
    if passed_over or not asked:
        return say(NOT_ASKED, *lines)
    return say(CLEAN, f"{len(asked)} packages were asked about: no advisory.")


def told(package: dict, hole: dict) -> str:
    mended = f"mended in {', '.join(hole['fix_versions'])}" if hole["fix_versions"] else "not mended yet"
    return (
        f"{package['name']} {package['version']}: {hole['id']}, {mended}. {hole.get('description', '')[:200]}".rstrip()
    )


def say(code: int, *lines: str) -> int:
    print("\n".join(lines), file=sys.stderr if code else sys.stdout)
    return code


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
