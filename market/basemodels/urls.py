from django.urls import path

from market.basemodels import owner_views, upload_views, views

app_name = "basemodels"

urlpatterns = [
    path("bases/", views.bases, name="bases"),
    path("bases/<slug:slug>/", views.base, name="base"),
    path("bases/<slug:slug>/samples/<int:pk>/", views.sample, name="sample"),
    path("my-bases/", owner_views.my_bases, name="my_bases"),
    path("my-bases/register/", owner_views.register, name="register"),
    path("my-bases/uploads/", upload_views.begin, name="begin_upload"),
    path("my-bases/uploads/<uuid:pk>/", upload_views.upload, name="upload"),
    path(
        "my-bases/uploads/<uuid:pk>/files/<int:position>/parts/<int:number>/", upload_views.part, name="part"
    ),
    path("my-bases/uploads/<uuid:pk>/give-up/", owner_views.give_up, name="give_up"),
    path("my-bases/of/<slug:slug>/check/", owner_views.check, name="check"),
    path("my-bases/of/<slug:slug>/confirm/", owner_views.confirm, name="confirm"),
    path("my-bases/of/<slug:slug>/replace/", owner_views.replace, name="replace"),
    path("my-bases/of/<slug:slug>/withdraw/", owner_views.withdraw, name="withdraw"),
    path("my-bases/of/<slug:slug>/remove/", owner_views.remove, name="remove"),
]
