from django.urls import path

from broadcasts import views

urlpatterns = [
    path("events/<str:event_id>/broadcasts", views.EventBroadcasts.as_view()),
    path("events/<str:event_id>/broadcasts/preview", views.BroadcastPreview.as_view()),
    path("events/<str:event_id>/broadcast-quota", views.BroadcastQuota.as_view()),
    path("broadcasts/<str:broadcast_id>", views.OneBroadcast.as_view()),
    path("broadcasts/<str:broadcast_id>/cancel", views.BroadcastCancellation.as_view()),
]
