from django.urls import path

from api import views

urlpatterns = [
    path("api/health", views.whole),
    path("api/health/live", views.live),
    path("api/health/ready", views.ready),
    path("api/health/broadcast", views.broadcast),
    path("api/schema", views.schema, name="schema"),
    path("api/docs", views.docs, name="docs"),
    path("errors", views.error_list, name="errors"),
    path("errors/<slug:code>", views.error, name="error"),
]
