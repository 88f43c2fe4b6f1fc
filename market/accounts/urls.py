from django.urls import path

from market.accounts import views

app_name = "accounts"

urlpatterns = [
    path("me/", views.me, name="me"),
    path("me/roles/<slug:name>/", views.role, name="role"),
]
