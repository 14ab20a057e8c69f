"""What a run tells: kept or not, how far, and where it is written."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from benchmarks import report
from benchmarks.promises import BEYOND, KEPT, MISSED, TOLD, Outcome, Promise, outcome

AT_MOST = Promise("p99", 30, "ms", bar=50, beyond=20)
AT_LEAST = Promise("share", 0.3, "share", bar=0.25, beyond=0.45, is_floor=True)


@pytest.mark.parametrize(
    ("promise", "verdict"),
    [
        (AT_MOST, KEPT),
        (replace(AT_MOST, found=20), BEYOND),
        (replace(AT_MOST, found=50.1), MISSED),
        (replace(AT_MOST, found=10, is_broken=True), MISSED),
        (AT_LEAST, KEPT),
        (replace(AT_LEAST, found=0.45), BEYOND),
        (replace(AT_LEAST, found=0.24), MISSED),
        (Promise("told", 7, "number"), TOLD),
        (Promise("only beyond", 70, "ms", beyond=50), TOLD),
        (Promise("lost", 0, "number", bar=0), KEPT),
    ],
)
def test_a_promise_is_kept_or_not(promise, verdict):
    assert promise.verdict == verdict


def test_nothing_is_lost_where_runs_end_at_once(docs, monkeypatch):
    names = [f"scenario {number}" for number in range(8)]
    with ThreadPoolExecutor() as threads:
        list(threads.map(lambda name: keep(name, AT_MOST), names))
    assert sorted(report.read()) == names
    # Killed, or out of room, amid the writing: what was there is there.
    monkeypatch.setattr(report.json, "dumps", lambda *_, **__: "\ud800")
    with pytest.raises(UnicodeEncodeError):
        keep("another", AT_MOST)
    assert sorted(report.read()) == names
    assert [path.name for path in docs.parent.glob(".*")] == []


def test_how_many_times_as_good_as_promised():
    assert AT_MOST.margin == pytest.approx(50 / 30)
    assert AT_LEAST.margin == pytest.approx(0.3 / 0.25)
    assert Promise("lost", 0, "number", bar=0).margin is None


def test_it_is_printed_in_its_own_unit(capsys):
    found = outcome(AT_MOST, AT_LEAST, Promise("policies", 1.024, "times", 1.3), is_whole=True)
    printed = capsys.readouterr().out
    assert found.is_whole
    for words in ("30.0 ms", "≤ 50.0 ms", "30 %", "≥ 25 %", "1.02×", "≤ 1.3"):
        assert words in printed


@pytest.fixture
def docs(tmp_path, monkeypatch):
    page = tmp_path / "performance.md"
    page.write_text(f"# Performance\n\n{report.BEGIN}\nold\n{report.END}\n\nWritten by hand.\n")
    for name, path in (("PAGE", page), ("FIGURES", tmp_path / "f.json"), ("PICTURE", tmp_path / "images" / "p.svg")):
        monkeypatch.setattr(report, name, path)
    return page


def keep(name: str, *promises: Promise) -> None:
    report.keep(name, Outcome(True, list(promises)), machine="2 cores", set_up="as usual", messages=1000, seconds=8)
    report.write(["send", "feed"])


def test_a_run_of_one_scenario_renews_its_own_rows_and_no_others(docs):
    keep("feed", AT_LEAST)
    keep("send", AT_MOST)
    keep("send", replace(AT_MOST, found=60))
    page = docs.read_text()
    assert page.startswith("# Performance\n")
    assert page.endswith("\nWritten by hand.\n")
    assert "old" not in page
    assert page.index("**send** · ") < page.index("**feed** · ")
    assert "| p99 | 60.0 ms | ≤ 50.0 ms | ≤ 20.0 ms | **not kept** |" in page
    assert "| share | 30 % | ≥ 25 % | ≥ 45 % | kept |" in page
    assert "1,000 messages, 8 s each · 2 cores" in page


def test_the_picture_shows_each_promise_and_escapes_its_name(docs):
    keep("send", replace(AT_MOST, name="a < b"), Promise("told, no more", 3, "s"))
    drawn = ElementTree.parse(report.PICTURE)
    words = [text.text for text in drawn.iter("{http://www.w3.org/2000/svg}text")]
    assert "a < b" in words
    assert "30.0 ms of ≤ 50.0 ms" in words
    assert "told, no more" not in words
