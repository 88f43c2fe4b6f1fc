from django.urls import path

from market.combinations import views

app_name = "combinations"

urlpatterns = [
    path("combinations/", views.combinations, name="list"),
    path("combinations/new/", views.new, name="new"),
    path("combinations/<uuid:pk>/", views.combination, name="combination"),
    path("combinations/<uuid:pk>/pictures/<int:picture>/", views.picture, name="picture"),
]
