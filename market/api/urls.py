"""The addresses of the API, by domain. Whatever else begins like them is answered by a problem, too."""

from django.urls import path, re_path

from market.api import (
    bases,
    claims,
    concepts,
    extractions,
    jobs,
    people,
    pictures,
    plugins,
    quotes,
    reference,
    releases,
    requests,
    schema,
)
from market.api.endpoint import Nowhere

app_name = "api"

urlpatterns = [
    path("api/v1/docs", reference.docs, name="docs"),
    path("api/v1/schema", schema.schema, name="schema"),
    path("api/v1/me", people.Me.as_view(), name="me"),
    path("api/v1/quotes", quotes.Quotes.as_view(), name="quotes"),
    path("api/v1/requests", requests.PictureRequests.as_view(), name="requests"),
    path("api/v1/requests/<uuid:pk>", requests.PictureRequest.as_view(), name="request"),
    path("api/v1/requests/<uuid:pk>/cancel", requests.CancelRequest.as_view(), name="cancel_request"),
    path("api/v1/pictures", pictures.Pictures.as_view(), name="pictures"),
    path("api/v1/pictures/<uuid:pk>", pictures.OnePicture.as_view(), name="picture"),
    path("api/v1/pictures/<uuid:pk>/file", pictures.PictureFile.as_view(), name="picture_file"),
    path("api/v1/jobs", jobs.Jobs.as_view(), name="jobs"),
    path("api/v1/jobs/<uuid:pk>", jobs.waiting(jobs.OneJob.as_view()), name="job"),
    path("api/v1/jobs/<uuid:pk>/cancel", jobs.CancelJob.as_view(), name="cancel_job"),
    path("api/v1/plugins", plugins.PlugIns.as_view(), name="plugins"),
    path("api/v1/plugins/<slug:slug>", plugins.OnePlugIn.as_view(), name="plugin"),
    path("api/v1/plugins/<slug:slug>/versions", plugins.Versions.as_view(), name="versions"),
    path("api/v1/bases", bases.Bases.as_view(), name="bases"),
    path("api/v1/bases/<slug:slug>", bases.OneBase.as_view(), name="base"),
    path("api/v1/bases/<slug:slug>/check", bases.BaseCheck.as_view(), name="check"),
    path("api/v1/bases/<slug:slug>/releases", releases.Releases.as_view(), name="releases"),
    path(
        "api/v1/bases/<slug:slug>/releases/compare",
        releases.ComparedReleases.as_view(),
        name="compare_releases",
    ),
    path("api/v1/bases/<slug:slug>/extractions", extractions.Extractions.as_view(), name="extractions"),
    path(
        "api/v1/bases/<slug:slug>/extractions/suggestions",
        extractions.Suggestions.as_view(),
        name="suggestions",
    ),
    path("api/v1/releases/<int:pk>", releases.OneRelease.as_view(), name="release"),
    path("api/v1/releases/<int:pk>/use", releases.UseRelease.as_view(), name="use_release"),
    path("api/v1/extractions/<int:pk>", extractions.OneExtraction.as_view(), name="extraction"),
    path("api/v1/extractions/<int:pk>/approve", extractions.Approve.as_view(), name="approve"),
    path("api/v1/extractions/<int:pk>/discard", extractions.Discard.as_view(), name="discard"),
    path(
        "api/v1/extractions/<int:pk>/compare/<int:other>",
        extractions.ComparedExtractions.as_view(),
        name="compare",
    ),
    path("api/v1/concepts", concepts.Concepts.as_view(), name="concepts"),
    path("api/v1/concepts/<int:pk>/works", concepts.Works.as_view(), name="works"),
    path("api/v1/claims", claims.Claims.as_view(), name="claims"),
    path("api/v1/claims/<int:pk>", claims.OneClaim.as_view(), name="claim"),
    path("api/v1/claims/<int:pk>/works", claims.ClaimWorks.as_view(), name="claim_works"),
    path("api/v1/claims/<int:pk>/controls", claims.ClaimControls.as_view(), name="claim_controls"),
    path(
        "api/v1/claims/<int:pk>/controls/<int:picture>", claims.ClaimControl.as_view(), name="claim_control"
    ),
    path("api/v1/claims/<int:pk>/submit", claims.SubmitClaim.as_view(), name="submit_claim"),
    path("api/v1/claims/<int:pk>/measure", claims.MeasureClaim.as_view(), name="measure_claim"),
    path("api/v1/claims/<int:pk>/evidence", claims.Evidence.as_view(), name="evidence"),
    path("api/v1/claims/<int:pk>/evidence/report", claims.EvidenceFile.as_view(), name="evidence_report"),
    path("api/v1/claims/<int:pk>/accept", claims.AcceptClaim.as_view(), name="accept_claim"),
    path("api/v1/claims/<int:pk>/reject", claims.RejectClaim.as_view(), name="reject_claim"),
    path("api/v1/claims/<int:pk>/counter-notice", claims.CounterNotice.as_view(), name="counter_notice"),
    path("api/v1/claims/<int:pk>/appeal", claims.AppealClaim.as_view(), name="appeal_claim"),
    path("api/v1/claims/<int:pk>/withdraw", claims.WithdrawClaim.as_view(), name="withdraw_claim"),
    path("api/v1/claims/<int:pk>/messages", claims.Messages.as_view(), name="messages"),
    re_path(r"^api/", Nowhere.as_view(), name="nowhere"),
]
