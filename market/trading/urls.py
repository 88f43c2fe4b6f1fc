from django.urls import path

from market.trading import views

app_name = "trading"

urlpatterns = [
    path("reports/trade/", views.desk, name="desk"),
    path("reports/trade/<int:pk>/", views.flag, name="flag"),
    path("reports/trade/<int:pk>/decide/", views.decide, name="decide"),
    path("earnings/held/<int:pk>/", views.own, name="held"),
    path("earnings/held/<int:pk>/answer/", views.answer, name="answer"),
]
