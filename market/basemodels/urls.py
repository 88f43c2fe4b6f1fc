from django.urls import URLPattern, URLResolver

app_name = "basemodels"

urlpatterns: list[URLPattern | URLResolver] = []
