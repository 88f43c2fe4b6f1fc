from django.urls import path

from market.payments import payout_desk, payout_views, promotion_desk, top_up_desk, views, webhooks

app_name = "payments"

urlpatterns = [
    path("wallet/", views.wallet, name="wallet"),
    path("wallet/top-up/", views.top_up, name="top_up"),
    path("wallet/top-up/<uuid:pk>/", views.top_up_status, name="top_up_status"),
    path("earnings/payouts/", payout_views.payouts, name="payouts"),
    path("earnings/payouts/details/", payout_views.details, name="payout_details"),
    path("earnings/payouts/<uuid:pk>/cancel/", payout_views.cancel, name="payout_cancel"),
    path("reports/payouts/", payout_desk.desk, name="payout_desk"),
    path("reports/payouts/verify/<int:pk>/", payout_desk.verify, name="payout_verify"),
    path("reports/payouts/batches/", payout_desk.make, name="payout_make_batch"),
    path("reports/payouts/batches/<uuid:pk>/", payout_desk.batch, name="payout_batch"),
    path("reports/payouts/batches/<uuid:pk>/pain.xml", payout_desk.pain, name="payout_pain"),
    path("reports/payouts/batches/<uuid:pk>/payouts.csv", payout_desk.listed, name="payout_csv"),
    path("reports/payouts/<uuid:pk>/return/", payout_desk.give_back, name="payout_return"),
    path("reports/credit/", promotion_desk.promotions, name="promotions"),
    path("reports/top-ups/", top_up_desk.desk, name="top_up_desk"),
    path("reports/top-ups/<uuid:pk>/", top_up_desk.decide, name="top_up_decide"),
    path("payments/test/<slug:reference>/", views.test_checkout, name="test_checkout"),
    path("payments/webhooks/<slug:gateway>/", webhooks.webhook, name="webhook"),
]
