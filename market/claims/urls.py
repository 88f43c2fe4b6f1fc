from django.urls import path

from market.claims import claim_views, draft_views, views

app_name = "claims"

urlpatterns = [
    path("disputes/", views.disputes, name="disputes"),
    path("disputes/<int:pk>/", views.dispute, name="dispute"),
    path("disputes/<int:pk>/open/", views.open_one, name="open"),
    path("disputes/<int:pk>/dismiss/", views.dismiss, name="dismiss"),
    path("disputes/<int:pk>/decide/", views.decide, name="decide"),
    path("plugins/<slug:slug>/dispute/", views.file, name="file"),
    path("claims/", claim_views.claims, name="claims"),
    path("claims/new/", draft_views.new, name="new"),
    path("claims/<int:pk>/", claim_views.claim, name="claim"),
    path("claims/<int:pk>/edit/", draft_views.edit, name="edit"),
    path("claims/<int:pk>/works/", draft_views.choose_works, name="choose_works"),
    path("claims/<int:pk>/controls/", draft_views.add_controls, name="add_controls"),
    path("claims/<int:pk>/controls/<int:picture>/remove/", draft_views.remove_control, name="remove_control"),
    path("claims/<int:pk>/submit/", draft_views.submit, name="submit"),
    path("claims/<int:pk>/measure/", claim_views.measure, name="measure"),
    path("claims/<int:pk>/withdraw/", claim_views.withdraw, name="withdraw"),
    path("claims/<int:pk>/accept/", claim_views.accept, name="accept"),
    path("claims/<int:pk>/reject/", claim_views.reject, name="reject"),
    path("claims/<int:pk>/counter-notice/", claim_views.counter, name="counter_notice"),
    path("claims/<int:pk>/appeal/", claim_views.appeal, name="appeal"),
    path("claims/<int:pk>/rule/", claim_views.rule, name="rule"),
    path("claims/<int:pk>/messages/", claim_views.write, name="write"),
    path("claims/<int:pk>/pictures/<int:picture>/", claim_views.picture, name="picture"),
    path("claims/<int:pk>/drawings/<int:pair>/", claim_views.drawing, name="drawing"),
    path("claims/<int:pk>/evidence.json", claim_views.report, name="report"),
    path("claims/<int:pk>/evidence.note", claim_views.signature, name="signature"),
]
