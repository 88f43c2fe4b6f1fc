from django.urls import path

from market.disputes import upload_views, views

app_name = "disputes"

urlpatterns = [
    path("disputes/", views.disputes, name="disputes"),
    path("disputes/<int:pk>/", views.dispute, name="dispute"),
    path("disputes/<int:pk>/open/", views.open_one, name="open"),
    path("disputes/<int:pk>/dismiss/", views.dismiss, name="dismiss"),
    path("disputes/<int:pk>/decide/", views.decide, name="decide"),
    path("disputes/uploads/", upload_views.uploads, name="uploads"),
    path("disputes/uploads/<int:pk>/", upload_views.upload, name="upload"),
    path("disputes/uploads/<int:pk>/picture/", upload_views.upload_picture, name="upload_picture"),
    path("disputes/uploads/<int:pk>/match/", upload_views.upload_match, name="upload_match"),
    path("disputes/uploads/<int:pk>/decide/", upload_views.decide_one, name="upload_decide"),
    path("plugins/<slug:slug>/dispute/", views.file, name="file"),
]
