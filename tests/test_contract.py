"""The API keeps its own document: calls made up from it, right ones and wrong ones."""

from __future__ import annotations

import os

import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis.config import GenerationConfig, ProjectConfig, ProjectsConfig, SchemathesisConfig
from schemathesis.core.parameters import ParameterLocation
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi.checks import positive_data_acceptance

from config.wsgi import application
from tests.conftest import Caller
from tests.promises.figures import Figure

EXAMPLES = 400 if os.environ.get("CALLBOARD_TEST_LONG") else 15


def document(mode: GenerationMode):
    generation = GenerationConfig(modes=[mode], deterministic=True, max_examples=EXAMPLES)
    projects = ProjectsConfig(default=ProjectConfig(generation=generation))
    return schemathesis.openapi.from_wsgi("/api/schema", application, config=SchemathesisConfig(projects=projects))


right, wrong = document(GenerationMode.POSITIVE), document(GenerationMode.NEGATIVE)
# Made-up calls run one after another in the transaction of one test, as one person.
made_up = settings(
    max_examples=EXAMPLES,
    derandomize=True,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)


@pytest.fixture
def headers(cast, settings, within_the_test) -> dict:
    settings.RATE_LIMIT = None
    return Caller(cast.organizer).headers


@right.parametrize()
@made_up
def test_call_that_the_document_allows_is_answered_as_it_says(case, headers, figure):
    # The generator does not keep to the pattern of a field that is called password.
    passed_over = [positive_data_acceptance] if case.path.endswith("/login") else []
    count(figure, case.call_and_validate(headers=_headers(case, headers), excluded_checks=passed_over))


@wrong.parametrize()
@made_up
def test_call_that_the_document_forbids_is_refused_as_it_says(case, headers, figure):
    count(figure, case.call_and_validate(headers={} if _lacks_a_token_alone(case) else _headers(case, headers)))


def count(figure: Figure, answer) -> None:
    figure("made-up calls", 1)
    figure("answers with 5xx", int(answer.status_code >= 500))


def _lacks_a_token_alone(case) -> bool:
    """With one, it may be that nothing is wrong: parameters that nobody knows are passed over, in the query too."""
    negated = {location for location, component in case.meta.components.items() if component.mode.is_negative}
    is_elsewhere = negated - {ParameterLocation.HEADER, ParameterLocation.QUERY}
    if is_elsewhere or "Authorization" in (case.headers or {}):
        return False
    known = {parameter.name for parameter in case.operation.query}
    given = (case.query or {}).keys()
    return not known & given or bool(given - known)


def _headers(case, headers: dict) -> dict:
    """The person's token, but where the made-up call brings a wrong one."""
    return {} if "Authorization" in (case.headers or {}) else headers
