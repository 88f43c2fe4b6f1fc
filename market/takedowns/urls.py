from django.urls import path

from market.takedowns import views

app_name = "takedowns"

urlpatterns = [
    path("takedowns/", views.takedowns, name="takedowns"),
    path("takedowns/mine/", views.mine, name="mine"),
    path("takedowns/plugins/<slug:slug>/", views.of_plugin, name="of_plugin"),
    path("takedowns/pictures/<uuid:pk>/", views.of_picture, name="of_picture"),
    path("takedowns/<int:pk>/", views.takedown, name="takedown"),
    path("takedowns/<int:pk>/restore/", views.restore, name="restore"),
    path("takedowns/<int:pk>/uphold/", views.uphold, name="uphold"),
    path("takedowns/<int:pk>/counter-notice/", views.counter_notice, name="counter_notice"),
    path("takedowns/<int:pk>/court/", views.court, name="court"),
    path("suspensions/<int:pk>/lift/", views.lift, name="lift"),
]
