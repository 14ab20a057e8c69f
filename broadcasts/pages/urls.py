from django.urls import path

from broadcasts.pages import desk, figures, members

urlpatterns = [
    path("desk", desk.door, name="desk"),
    path("e/<str:event_id>/desk", desk.desk),
    path("e/<str:event_id>/desk/compose", desk.compose),
    path("e/<str:event_id>/desk/broadcasts/<str:broadcast_id>", desk.broadcast),
    path("e/<str:event_id>/desk/broadcasts/<str:broadcast_id>/cancel", desk.cancel),
    path("e/<str:event_id>/desk/members", members.members),
    path("e/<str:event_id>/desk/members/bring", members.bring),
    path("e/<str:event_id>/desk/figures", figures.figures),
]
