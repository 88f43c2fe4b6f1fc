from django.urls import path

from market.catalog.views import desk, offers, profile, public, shares

app_name = "catalog"

urlpatterns = [
    path("plugins/", public.plugins, name="plugins"),
    path("plugins/<slug:slug>/", public.plugin, name="plugin"),
    path("plugins/<int:plugin>/samples/<int:pk>/", public.sample, name="sample"),
    path("plugins/<int:plugin>/samples/<int:pk>/plain/", public.plain_sample, name="plain_sample"),
    path("artists/<slug:handle>/", public.artist, name="artist"),
    path("desk/", desk.desk, name="desk"),
    path("desk/profile/", profile.profile, name="profile"),
    path("desk/profile/domain/", profile.domain, name="domain"),
    path("desk/profile/domain/check/", profile.check_domain, name="check_domain"),
    path("desk/profile/domain/remove/", profile.remove_domain, name="remove_domain"),
    path("desk/concepts/new/", desk.new_concept, name="new_concept"),
    path("desk/concepts/<int:pk>/", desk.concept, name="concept"),
    path("desk/concepts/<int:pk>/edit/", desk.edit_concept, name="edit_concept"),
    path("desk/concepts/<int:pk>/rights/", desk.affirm, name="affirm"),
    path("desk/concepts/<int:pk>/works/", desk.upload, name="upload"),
    path("desk/concepts/<int:pk>/reserve/", desk.reserve_works, name="reserve"),
    path("desk/concepts/<int:concept>/works/<int:pk>/lift/", desk.lift_reservation, name="lift"),
    path("desk/concepts/<int:pk>/captions/", desk.captions, name="captions"),
    path("desk/concepts/<int:pk>/addition/", offers.addition, name="addition"),
    path("desk/concepts/<int:pk>/upload/", offers.upload_plugin, name="upload_plugin"),
    path("desk/concepts/<int:concept>/works/<int:pk>/", desk.work_file, name="work_file"),
    path("desk/concepts/<int:concept>/works/<int:pk>/small/", desk.work_thumbnail, name="work_thumbnail"),
    path("desk/concepts/<int:concept>/works/<int:pk>/delete/", desk.delete_work, name="delete_work"),
    path("desk/plugins/<int:pk>/", offers.plugin, name="desk_plugin"),
    path("desk/plugins/<int:pk>/publish/", offers.publish_plugin, name="publish"),
    path("desk/plugins/<int:pk>/withdraw/", offers.withdraw_plugin, name="withdraw"),
    path("desk/plugins/<int:pk>/earnings/", offers.choose_shown, name="choose_shown"),
    path("desk/plugins/<int:pk>/shares/", shares.co_owners, name="co_owners"),
    path("desk/plugins/<int:pk>/shares/<int:person>/", shares.change_share, name="change_share"),
    path("desk/shares/", shares.shared, name="shared"),
    path("desk/shares/<int:plugin>/", shares.answer, name="answer_share"),
    path("desk/plugins/<int:plugin>/versions/<int:pk>/use/", offers.choose_version, name="choose_version"),
    path("desk/plugins/<int:plugin>/versions/<int:pk>/changes/", offers.write_changes, name="write_changes"),
    path("desk/plugins/<int:plugin>/versions/<int:pk>/anew/", offers.make_version_anew, name="make_anew"),
    path("desk/plugins/<int:plugin>/versions/<int:pk>/file/", offers.version_file, name="version_file"),
]
