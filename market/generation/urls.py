from django.urls import URLPattern, URLResolver

app_name = "generation"

urlpatterns: list[URLPattern | URLResolver] = []
