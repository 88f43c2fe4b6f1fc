from django.urls import path

from market.claims import draft_views, views

app_name = "claims"

urlpatterns = [
    path("claims/", views.claims, name="claims"),
    path("claims/new/", draft_views.new, name="new"),
    path("claims/<int:pk>/", views.claim, name="claim"),
    path("claims/<int:pk>/edit/", draft_views.edit, name="edit"),
    path("claims/<int:pk>/works/", draft_views.choose_works, name="choose_works"),
    path("claims/<int:pk>/controls/", draft_views.add_controls, name="add_controls"),
    path("claims/<int:pk>/controls/<int:picture>/remove/", draft_views.remove_control, name="remove_control"),
    path("claims/<int:pk>/submit/", draft_views.submit, name="submit"),
    path("claims/<int:pk>/measure/", views.measure, name="measure"),
    path("claims/<int:pk>/withdraw/", views.withdraw, name="withdraw"),
    path("claims/<int:pk>/accept/", views.accept, name="accept"),
    path("claims/<int:pk>/reject/", views.reject, name="reject"),
    path("claims/<int:pk>/counter-notice/", views.counter, name="counter_notice"),
    path("claims/<int:pk>/appeal/", views.appeal, name="appeal"),
    path("claims/<int:pk>/rule/", views.rule, name="rule"),
    path("claims/<int:pk>/messages/", views.write, name="write"),
    path("claims/<int:pk>/pictures/<int:picture>/", views.picture, name="picture"),
    path("claims/<int:pk>/drawings/<int:pair>/", views.drawing, name="drawing"),
    path("claims/<int:pk>/evidence.json", views.report, name="report"),
    path("claims/<int:pk>/evidence.note", views.signature, name="signature"),
]
