from django.contrib import admin
from django.urls import include, path
from django.views.generic import RedirectView
from django.views.i18n import set_language

import accounts.pages.urls
import accounts.urls
import broadcasts.pages.urls
import broadcasts.urls
import events.pages.urls
import events.urls
import messaging.pages.urls
import messaging.urls
import moderation.urls
import rollout.urls
import rollout.views
from config import views

urlpatterns = [
    # First, and in one list with the busiest at its head: addresses are tried in turn, on every call.
    path(
        "api/v1/",
        include(
            [
                *messaging.urls.urlpatterns,
                *events.urls.urlpatterns,
                *accounts.urls.urlpatterns,
                *broadcasts.urls.urlpatterns,
                *moderation.urls.urlpatterns,
                *rollout.urls.urlpatterns,
            ]
        ),
    ),
    path("", views.front_page, name="front_page"),
    path("", include("accounts.pages.urls")),
    path("", include("events.pages.urls")),
    path("", include("messaging.pages.urls")),
    path("", include("broadcasts.pages.urls")),
    path("language", set_language, name="set_language"),
    path("", include("api.urls")),
    path("metrics", rollout.views.all_metrics),
    path("admin", RedirectView.as_view(url="/admin/")),
    path("admin/", admin.site.urls),
]

handler400 = "api.views.bad_request"
handler403 = "config.console.refused"
handler404 = "api.views.not_found"
handler500 = "api.views.server_error"
