from django.urls import path

from market.generation import pictures, studio

app_name = "generation"

urlpatterns = [
    path("studio/", studio.studio, name="studio"),
    path("studio/quote/", studio.quote, name="quote"),
    path("studio/plugins/", studio.plugins, name="plugins"),
    path("pictures/", pictures.picture_list, name="pictures"),
    path("pictures/<uuid:pk>/", pictures.picture_page, name="picture"),
    path("pictures/<uuid:pk>/file/", pictures.picture_file, name="file"),
    path("pictures/<uuid:pk>/delete/", pictures.picture_delete, name="delete"),
]
