from django.urls import path

from market.pages import views

app_name = "pages"

urlpatterns = [
    path("", views.landing, name="landing"),
    path("about/", views.about, name="about"),
    path("help/", views.help_page, name="help"),
]
