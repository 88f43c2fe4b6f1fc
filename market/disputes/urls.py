from django.urls import path

from market.disputes import views

app_name = "disputes"

urlpatterns = [
    path("disputes/", views.disputes, name="disputes"),
    path("disputes/<int:pk>/", views.dispute, name="dispute"),
    path("disputes/<int:pk>/open/", views.open_one, name="open"),
    path("disputes/<int:pk>/dismiss/", views.dismiss, name="dismiss"),
    path("disputes/<int:pk>/decide/", views.decide, name="decide"),
    path("plugins/<slug:slug>/dispute/", views.file, name="file"),
]
