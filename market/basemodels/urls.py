from django.urls import path

from market.basemodels import views

app_name = "basemodels"

urlpatterns = [
    path("bases/", views.bases, name="bases"),
    path("bases/<slug:slug>/", views.base, name="base"),
]
