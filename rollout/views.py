from django.http import Http404, HttpRequest, HttpResponse

from api import answers
from api.endpoints import Endpoint, one_trip
from api.schema import operation
from api.views import read_only
from rollout import features, metrics
from rollout.serializers import FeaturesQuery, FeaturesShape


class Features(Endpoint):
    @operation(
        "What my requests use",
        description=(
            "In this event, now. Each is decided by a stable share of its people: the same on every device, and a"
            " growing share takes nobody out."
        ),
        tag="Events",
        query=FeaturesQuery,
        answers={200: FeaturesShape},
        problems=("not_found",),
        example={"answer": {"messaging_v2": True, "messages_readmodel_v2": False}},
    )
    @one_trip
    def get(self, request: HttpRequest) -> HttpResponse:
        return answers.ok(features.of(self.query()["event"], by=request.user))


@read_only
def all_metrics(request: HttpRequest) -> HttpResponse:
    """For whoever may not read them there is nothing here."""
    if not metrics.may_read(request):
        raise Http404
    body, kind = metrics.text(request.headers.get("Accept", ""))
    response = HttpResponse(body, content_type=kind)
    response["Cache-Control"] = "no-store"
    return response
