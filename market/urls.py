"""The whole URL map. Each app's urls.py has full paths, so that a search finds a path."""

from django.contrib import admin
from django.urls import URLPattern, URLResolver, include, path

from market import health

urlpatterns: list[URLPattern | URLResolver] = [
    path("healthz", health.healthz, name="healthz"),
    path("readyz", health.readyz, name="readyz"),
    path("accounts/", include("allauth.urls")),
    path("admin/", admin.site.urls),
    path("", include("market.pages.urls")),
    path("", include("market.accounts.urls")),
    path("", include("market.catalog.urls")),
    path("", include("market.basemodels.urls")),
    path("", include("market.jobs.urls")),
    path("", include("market.generation.urls")),
    path("", include("market.claims.urls")),
    path("", include("market.disputes.urls")),
    path("", include("market.trading.urls")),
    path("", include("market.extractions.urls")),
    path("", include("market.carrying.urls")),
    path("", include("market.combinations.urls")),
    path("", include("market.takedowns.urls")),
    path("", include("market.payments.urls")),
    path("", include("market.reports.urls")),
    path("", include("market.api.urls")),
]

handler500 = "market.api.problems.server_error"
