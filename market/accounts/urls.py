from django.urls import path

from market.accounts import token_views, views

app_name = "accounts"

urlpatterns = [
    path("me/", views.me, name="me"),
    path("me/tokens/", token_views.tokens, name="tokens"),
    path("me/tokens/<int:pk>/revoke/", token_views.revoke, name="revoke_token"),
    path("me/roles/<slug:name>/", views.role, name="role"),
]
