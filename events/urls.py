from django.urls import path

from events import views

urlpatterns = [
    path("events", views.Events.as_view()),
    path("events/<str:event_id>", views.OneEvent.as_view()),
    path("events/<str:event_id>/members", views.Members.as_view()),
    path("events/<str:event_id>/capabilities", views.Capabilities.as_view()),
    path("events/<str:event_id>/help-requests", views.HelpRequests.as_view()),
    path("help-requests/<str:help_request_id>", views.OneHelpRequest.as_view()),
    path("users/<str:user_id>/block", views.BlockOfUser.as_view()),
    path("blocks", views.Blocks.as_view()),
]
