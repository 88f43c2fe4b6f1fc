from django.urls import path

from market.payments import views, webhooks

app_name = "payments"

urlpatterns = [
    path("wallet/", views.wallet, name="wallet"),
    path("wallet/top-up/", views.top_up, name="top_up"),
    path("wallet/top-up/<uuid:pk>/", views.top_up_status, name="top_up_status"),
    path("payments/test/<slug:reference>/", views.test_checkout, name="test_checkout"),
    path("payments/webhooks/<slug:gateway>/", webhooks.webhook, name="webhook"),
]
