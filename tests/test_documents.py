"""What the documents show works: the walk through the API is run as it stands, with bash and curl."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest
from django.conf import settings

from events import demo

ROOT = Path(__file__).parents[1]
DOCUMENTS = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").glob("*.md"))]


def blocks(document: Path) -> str:
    return "\n".join(re.findall(r"^```bash\n(.*?)^```", document.read_text(), re.DOTALL | re.MULTILINE))


def run(document: Path, base: str) -> str:
    script = f"set -euo pipefail\nexport BASE={base}\n{blocks(document)}"
    ran = subprocess.run(["bash", "-c", script], capture_output=True, text=True, timeout=300, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return ran.stdout


@pytest.mark.skipif(not shutil.which("curl"), reason="the walk is written with curl")
@pytest.mark.django_db(transaction=True)
def test_first_message_and_the_walk_through_the_api_run_as_written(live_server):
    demo.seed()
    assert '"content":"Is number 58 still there?"' in run(ROOT / "README.md", live_server.url)
    assert run(ROOT / "docs" / "api.md", live_server.url).rstrip().endswith("not_authenticated")


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_links_of_a_document_lead_somewhere(document):
    targets = re.findall(r"\]\((?!https?:)([^)#]*)#?([^)]*)\)", document.read_text())
    dead = [
        (name, place)
        for name, place in targets
        if not (found := document.parent / name if name else document).exists()
        or (place and place not in places(found))
    ]
    assert dead == []


def places(document: Path) -> set[str]:
    """Its headings, as an address names them."""
    headings = re.findall(r"^#+ (.*)$", document.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_each_job_that_recurs_is_named_to_operators():
    part = (ROOT / "docs" / "operations.md").read_text().partition("## What recurs")[2].partition("\n## ")[0]
    assert set(re.findall(r"`([a-z]+(?:-[a-z]+)*)`", part)) >= set(settings.CELERY_BEAT_SCHEDULE)
