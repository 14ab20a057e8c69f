from django.urls import path

from accounts.pages import doors

urlpatterns = [
    path("sign-in", doors.sign_in, name="sign_in"),
    path("sign-out", doors.sign_out, name="sign_out"),
]
