from django.urls import path

from market.extractions import release_views, retest_views, views

app_name = "extractions"

urlpatterns = [
    path("bases/<slug:slug>/extractions/", views.base, name="base"),
    path("bases/<slug:slug>/extractions/new/", views.start, name="start"),
    path("bases/<slug:slug>/releases/build/", release_views.build_again, name="build_again"),
    path("bases/<slug:slug>/releases/compare/", release_views.compare_releases, name="compare_releases"),
    path("extractions/<int:pk>/", views.extraction, name="extraction"),
    path("extractions/<int:pk>/approve/", views.approve, name="approve"),
    path("extractions/<int:pk>/discard/", views.discard, name="discard"),
    path("extractions/<int:pk>/take-back/", views.take_back, name="take_back"),
    path("extractions/<int:pk>/compare/<int:other>/", views.compare, name="compare"),
    path("extractions/<int:pk>/pictures/<int:picture>/", views.extraction_picture, name="extraction_picture"),
    path("releases/builds/<int:pk>/", release_views.build, name="build"),
    path(
        "releases/builds/<int:pk>/pictures/<int:picture>/", release_views.build_picture, name="build_picture"
    ),
    path("releases/<int:pk>/use/", release_views.use_release, name="use_release"),
    path("retests/<int:pk>/", retest_views.retest, name="retest"),
    path("retests/<int:pk>/pictures/<int:picture>/", retest_views.retest_picture, name="retest_picture"),
    path("retests/<int:pk>/retrain/", retest_views.retrain, name="retrain"),
    path("retests/<int:pk>/accept/", retest_views.accept, name="accept_retraining"),
    path("retests/<int:pk>/decline/", retest_views.decline, name="decline_retraining"),
    path(
        "retrainings/<int:pk>/pictures/<int:picture>/",
        retest_views.retraining_picture,
        name="retraining_picture",
    ),
]
