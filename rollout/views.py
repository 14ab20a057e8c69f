from django.http import HttpRequest, HttpResponse

from api import answers
from api.endpoints import Endpoint, one_trip
from api.schema import operation
from rollout import features
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
