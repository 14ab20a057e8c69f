"""Calls that do nothing, served by the same processes: what is left of a call when its work is taken away."""

from __future__ import annotations

from django.http import HttpResponse
from django.urls import path
from drf_spectacular.utils import extend_schema
from rest_framework.response import Response
from rest_framework.views import APIView

from api.endpoints import Endpoint
from benchmarks.calls import EMPTY_ENDPOINT, EMPTY_VIEW
from config.urls import handler404, handler500, urlpatterns  # noqa: F401


@extend_schema(exclude=True)
class EmptyView(APIView):
    """REST framework as it comes: no token, no limit, no database."""

    authentication_classes = ()

    def get(self, request):
        return Response({"ok": True})


@extend_schema(exclude=True)
class EmptyEndpoint(Endpoint):
    """The frame of every call: the token looked up, the limit counted, a transaction in the person's name."""

    def get(self, request):
        return HttpResponse(b'{"ok":true}', content_type="application/json")


urlpatterns = [
    *urlpatterns,
    path(EMPTY_VIEW.removeprefix("/"), EmptyView.as_view()),
    path(EMPTY_ENDPOINT.removeprefix("/"), EmptyEndpoint.as_view()),
]
