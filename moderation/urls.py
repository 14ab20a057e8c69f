from django.urls import path

from moderation import case_views, views

urlpatterns = [
    path("messages/<str:message_id>/reports", views.MessageReports.as_view()),
    path("reports", views.MyReports.as_view()),
    path("sanctions", views.MySanctions.as_view()),
    path("sanctions/<str:sanction_id>/appeal", views.SanctionAppeal.as_view()),
    path("sanctions/<str:sanction_id>/appeal/decide", views.AppealDecision.as_view()),
    path("sanctions/<str:sanction_id>/lift", views.SanctionLift.as_view()),
    path("moderation/reports", case_views.Cases.as_view()),
    path("moderation/reports/<str:case_id>/claim", case_views.CaseClaim.as_view()),
    path("moderation/reports/<str:case_id>/decide", case_views.CaseDecision.as_view()),
    path("moderation/reports/<str:case_id>/transcript", case_views.CaseTranscript.as_view()),
]
