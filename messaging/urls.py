from django.urls import path

from messaging import feed_views, read_views, write_views
from messaging.sms import webhooks
from messaging.stream import views as stream_views

urlpatterns = [
    path("events/<str:event_id>/conversations", write_views.EventConversations.as_view()),
    path("events/<str:event_id>/feed", feed_views.EventFeed.as_view()),
    path("events/<str:event_id>/feed/read", feed_views.FeedRead.as_view()),
    path("events/<str:event_id>/unread", feed_views.EventUnread.as_view()),
    path("help-requests/<str:help_request_id>/conversations", write_views.HelpConversations.as_view()),
    path("conversations", read_views.Conversations.as_view()),
    path("conversations/<str:conversation_id>", read_views.OneConversation.as_view()),
    path("conversations/<str:conversation_id>/messages", read_views.ConversationMessages.as_view()),
    path("conversations/<str:conversation_id>/read", write_views.ConversationRead.as_view()),
    path("conversations/<str:conversation_id>/typing", write_views.ConversationTyping.as_view()),
    path("conversations/<str:conversation_id>/participants", write_views.ConversationParticipants.as_view()),
    path("conversations/<str:conversation_id>/participants/<str:user_id>", write_views.OneParticipant.as_view()),
    path("messages/<str:message_id>", write_views.OneMessage.as_view()),
    path("messages/<str:message_id>/remove", write_views.MessageRemoval.as_view()),
    path("messages/<str:message_id>/restore", write_views.MessageRestoration.as_view()),
    path("messages/<str:message_id>/release", write_views.MessageRelease.as_view()),
    path("stream", stream_views.Stream.as_view()),
    path("webhooks/twilio/status", webhooks.StatusWebhook.as_view()),
    path("webhooks/twilio/inbound", webhooks.InboundWebhook.as_view()),
]
