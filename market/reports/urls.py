from django.urls import path

from market.reports import audit_log, closing, degradation, earnings, proofs, statements, views

app_name = "reports"

urlpatterns = [
    path("earnings/", earnings.earnings, name="earnings"),
    path("earnings/statements/", statements.statements, name="statements"),
    path("earnings/statements/<slug:month>/", statements.one, name="statement"),
    path("earnings/statements/<slug:month>.csv", statements.csv_file, name="statement_csv"),
    path("earnings/statements/<slug:month>.pdf", statements.pdf_file, name="statement_pdf"),
    path("earnings/statements/<slug:month>.json", statements.proof_file, name="statement_proof"),
    path("earnings/statements/<slug:month>/file/", statements.make_file, name="statement_make"),
    path("proof/", proofs.proof, name="proof"),
    path("proof/key", proofs.key, name="proof_key"),
    path("proof/checkpoint", proofs.checkpoint, name="checkpoint"),
    path("proof/checkpoint/<int:size>", proofs.checkpoint, name="checkpoint_of"),
    path("proof/inclusion", proofs.inclusion, name="inclusion"),
    path("proof/consistency", proofs.consistency, name="consistency"),
    path("proof/verify_statement.py", proofs.verifier, name="verifier"),
    path("reports/", views.overview, name="overview"),
    path("reports/requests/", views.requests, name="requests"),
    path("reports/books/", closing.books, name="books"),
    path("reports/books/close/", closing.close, name="close_month"),
    path("reports/degradation/", degradation.report, name="degradation"),
    path("bases/<slug:slug>/degradation/", degradation.base, name="base_degradation"),
    path("reports/queries/", views.queries, name="queries"),
    path("reports/tables/<slug:name>.csv", views.table, name="table"),
    path("reports/audit/", audit_log.audit_log, name="audit"),
    path("reports/transfers/<int:pk>/", views.transfer, name="transfer"),
    path("reports/transfers/<int:pk>/refund/", views.refund, name="refund"),
    path("reports/verify/", views.verify_now, name="verify"),
]
