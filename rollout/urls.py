from django.urls import path

from rollout import views

urlpatterns = [
    path("features", views.Features.as_view()),
]
