from django.urls import path

from messaging.pages import choosing, deeds, inbox, threads

urlpatterns = [
    path("inbox", inbox.door, name="inbox"),
    path("e/<str:event_id>", inbox.feed, name="feed"),
    path("e/<str:event_id>/read", inbox.mark_read),
    path("e/<str:event_id>/messages", threads.threads),
    path("e/<str:event_id>/messages/new", choosing.new),
    path("e/<str:event_id>/messages/<str:conversation_id>", threads.thread),
    path("e/<str:event_id>/messages/<str:conversation_id>/invite", choosing.invite),
    path("e/<str:event_id>/messages/<str:conversation_id>/take-out", threads.take_out),
    path("e/<str:event_id>/messages/<str:conversation_id>/leave", threads.leave),
    path("e/<str:event_id>/report/<str:message_id>", deeds.report),
    path("e/<str:event_id>/delete/<str:message_id>", deeds.delete),
]
