"""The simulator forgets no text and no STOP when it is started again, and goes on telling what it had yet to tell."""

from __future__ import annotations

import pytest

from messaging.simulator.journal import Journal
from messaging.simulator.texts import Texts, new_text
from tests.messaging.simulator.conftest import OTHER_PHONE, PHONE, OurSide, Simulator
from tests.messaging.simulator.test_inbound import is_refused
from tests.waiting import PATIENCE, wait_until


@pytest.fixture
def own(tmp_path):
    ours = OurSide()
    simulator = Simulator(tmp_path, ours)
    yield simulator
    simulator.process.terminate()
    simulator.process.wait(PATIENCE)
    ours.shutdown()


def test_killed_and_started_again_it_knows_what_it_knew(own):
    texts = [own.create(body=f"Number {number}").sid for number in range(5)]
    wait_until(lambda: own.ours.statuses(texts[-1]) == ["sent", "delivered"])
    own.write("STOP", OTHER_PHONE)
    before = own.arrived()
    under_way = own.create(body="under way").sid
    own.kill()
    own.start()
    assert own.arrived()[1:] == before
    assert own.arrived()[0]["sid"] == under_way
    assert is_refused(own, OTHER_PHONE)
    assert not is_refused(own, PHONE)
    wait_until(lambda: "delivered" in own.ours.statuses(under_way))
    assert own.ask("GET", f"/messages?to=%2B{OTHER_PHONE[1:]}")[1]["items"][0]["body"].startswith("You have succ")


def numbers(texts: Texts) -> list[str]:
    return [text.body for text in texts.by_sid.values()]


def journal(folder, most: int = 10) -> tuple[Texts, Journal]:
    texts = Texts(most)
    return texts, Journal(folder, texts)


def add(texts: Texts, file: Journal, number: int) -> None:
    text = new_text(f"+49151{number:07}", "", str(number), status="accepted", direction="outbound-api")
    texts.add(text)
    file.text(text)
    text.from_ = "+15005550006"
    texts.move(text, "delivered", None, text.created_at)
    file.moved(text)


def test_memory_and_file_hold_the_newest(tmp_path):
    texts, file = journal(tmp_path)
    texts.opt_out("+491511", True)
    file.opt_out("+491511", True)
    for number in range(95):
        add(texts, file, number)
        assert len(texts.by_sid) <= 10
        assert len(list(tmp_path.iterdir())) <= 2
    assert len(texts.phones) == 10
    assert texts.counts["outbound-api"] == 95
    file.close()
    for _ in range(3):
        found, again = journal(tmp_path)
        assert numbers(found) == [str(number) for number in range(85, 95)]
        assert found.opted_out == {"+491511"}
        assert {(text.status, text.from_) for text in found.by_sid.values()} == {("delivered", "+15005550006")}
        again.close()


def test_a_line_that_was_cut_is_left_out_and_the_next_stand(tmp_path):
    texts, file = journal(tmp_path)
    for number in range(3):
        add(texts, file, number)
    file.close()
    (part,) = tmp_path.iterdir()
    part.write_bytes(part.read_bytes() + b'["text","SMcut')
    texts, file = journal(tmp_path)
    assert numbers(texts) == ["0", "1", "2"]
    add(texts, file, 3)
    file.close()
    assert numbers(journal(tmp_path)[0]) == ["0", "1", "2", "3"]


def test_without_a_folder_nothing_is_kept(tmp_path):
    texts, file = journal(None)
    add(texts, file, 1)
    file.opt_out("+491511", True)
    file.close()
    assert numbers(texts) == ["1"]
