from django.urls import path

from accounts import views

urlpatterns = [
    path("auth/login", views.Login.as_view()),
    path("auth/logout", views.Logout.as_view()),
    path("me", views.Me.as_view()),
]
