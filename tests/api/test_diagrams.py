"""Diagrams of states are what their tables say, whatever form a table has."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from io import StringIO

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command

from api import diagrams
from api.diagrams import Diagram, Edge
from events import help_requests
from messaging import messages

NAMED = {"open": {"new": "open"}, "close": {"new": "closed", "open": "closed"}, "reopen": {"closed": "open"}}
UNNAMED = {"new": {"open", "closed"}, "open": {"closed"}, "closed": {"open"}}


@pytest.mark.parametrize("name", diagrams.registered)
def test_the_diagram_in_the_documents_is_what_the_table_says(name):
    drawn = (settings.REPOSITORY / "docs" / f"{name}.svg").read_text()
    assert drawn == diagrams.svg(diagrams.registered[name]), "run manage.py diagrams"


def test_the_command_says_so_too():
    call_command("diagrams", "--check", stdout=StringIO())


def test_a_table_that_changed_is_noticed(monkeypatch):
    name = "broadcasts-states"
    diagram = diagrams.registered[name]
    monkeypatch.setattr(diagrams, "registered", {name: diagram})
    changed = {**diagram.transitions, "undo": {"published": "scheduled"}}
    monkeypatch.setitem(diagrams.registered, name, diagram._replace(transitions=changed))
    with pytest.raises(CommandError, match=name):
        call_command("diagrams", "--check")


def test_both_forms_of_a_table():
    assert diagrams.edges(NAMED) == [
        Edge("new", "open", "open"),
        Edge("new", "closed", "close"),
        Edge("open", "closed", "close"),
        Edge("closed", "open", "reopen"),
    ]
    assert [edge[:2] for edge in diagrams.edges(UNNAMED)] == [
        ("new", "closed"), ("new", "open"), ("open", "closed"), ("closed", "open"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("transitions", "beginnings"),
    [
        (NAMED, ["new"]),
        (UNNAMED, ["new"]),
        (messages.TRANSITIONS, ["visible"]),
        (messages.TRANSITIONS, ["visible", "held"]),
        (help_requests.TRANSITIONS, ["open"]),
        ({"go": {"a": "b"}, "back": {"b": "a"}}, ["a", "b"]),
    ],
)
def test_every_state_and_every_step_is_drawn_inside_the_picture(transitions, beginnings):
    drawn = ElementTree.fromstring(diagrams.svg(Diagram(transitions, beginnings)))
    texts = [text.text for text in drawn.iter("{http://www.w3.org/2000/svg}text")]
    edges = diagrams.edges(transitions)
    assert set(texts) == {name for edge in edges for name in edge if name}
    flows = [path for path in drawn.iter("{http://www.w3.org/2000/svg}path") if path.get("class") == "flow"]
    assert len(flows) == len(edges)
    for box in drawn.iter("{http://www.w3.org/2000/svg}rect"):
        assert int(box.get("x", 0)) + int(box.get("width")) <= int(drawn.get("width"))
        assert int(box.get("y", 0)) + int(box.get("height")) <= int(drawn.get("height"))
