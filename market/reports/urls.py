from django.urls import path

from market.reports import earnings, views

app_name = "reports"

urlpatterns = [
    path("earnings/", earnings.earnings, name="earnings"),
    path("reports/", views.overview, name="overview"),
    path("reports/queries/", views.queries, name="queries"),
    path("reports/tables/<slug:name>.csv", views.table, name="table"),
    path("reports/transfers/<int:pk>/", views.transfer, name="transfer"),
    path("reports/verify/", views.verify_now, name="verify"),
]
