from django.urls import path

from market.extractions import views

app_name = "extractions"

urlpatterns = [
    path("bases/<slug:slug>/extractions/", views.base, name="base"),
    path("bases/<slug:slug>/extractions/new/", views.start, name="start"),
    path("bases/<slug:slug>/releases/build/", views.build_again, name="build_again"),
    path("bases/<slug:slug>/releases/compare/", views.compare_releases, name="compare_releases"),
    path("extractions/<int:pk>/", views.extraction, name="extraction"),
    path("extractions/<int:pk>/approve/", views.approve, name="approve"),
    path("extractions/<int:pk>/discard/", views.discard, name="discard"),
    path("extractions/<int:pk>/compare/<int:other>/", views.compare, name="compare"),
    path("extractions/<int:pk>/pictures/<int:picture>/", views.extraction_picture, name="extraction_picture"),
    path("releases/builds/<int:pk>/", views.build, name="build"),
    path("releases/builds/<int:pk>/pictures/<int:picture>/", views.build_picture, name="build_picture"),
    path("releases/<int:pk>/use/", views.use_release, name="use_release"),
    path("retests/<int:pk>/", views.retest, name="retest"),
    path("retests/<int:pk>/pictures/<int:picture>/", views.retest_picture, name="retest_picture"),
]
