from django.urls import path

from market.generation import appeal_views, pictures, studio

app_name = "generation"

urlpatterns = [
    path("studio/", studio.studio, name="studio"),
    path("studio/quote/", studio.quote, name="quote"),
    path("studio/plugins/", studio.plugins, name="plugins"),
    path("pictures/", pictures.picture_list, name="pictures"),
    path("pictures/<uuid:pk>/", pictures.picture_page, name="picture"),
    path("pictures/<uuid:pk>/file/", pictures.picture_file, name="file"),
    path("pictures/<uuid:pk>/delete/", pictures.picture_delete, name="delete"),
    path("desk/plugins/<int:pk>/banned-uses/", appeal_views.banned_uses, name="banned_uses"),
    path("appeals/", appeal_views.appeals, name="appeals"),
    path("appeals/new/<int:plugin>/", appeal_views.new_appeal, name="new_appeal"),
    path("appeals/<int:pk>/", appeal_views.appeal, name="appeal"),
]
