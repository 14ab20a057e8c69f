from django.urls import path

from events.pages import help_requests, people, you

urlpatterns = [
    path("e/<str:event_id>/people", people.directory),
    path("e/<str:event_id>/people/<str:user_id>/block", people.block),
    path("e/<str:event_id>/help", help_requests.board),
    path("e/<str:event_id>/help/<str:help_request_id>/offer", help_requests.offer),
    path("e/<str:event_id>/help/<str:help_request_id>/status", help_requests.move),
    path("you", you.you),
    path("you/blocks/<str:user_id>/remove", people.unblock),
    path("you/sanctions/<str:sanction_id>/appeal", you.appeal),
]
