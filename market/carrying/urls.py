from django.urls import path

from market.carrying import views

app_name = "carrying"

urlpatterns = [
    path("bases/<slug:slug>/upgrade/", views.upgrade, name="upgrade"),
    path("carry-overs/", views.carry_overs, name="list"),
    path("carry-overs/<int:pk>/", views.carry_over, name="carry_over"),
    path("carry-overs/<int:pk>/accept/", views.accept_carry_over, name="accept"),
    path("carry-overs/<int:pk>/decline/", views.decline_carry_over, name="decline"),
    path("carry-overs/<int:pk>/pictures/<int:picture>/", views.picture, name="picture"),
]
