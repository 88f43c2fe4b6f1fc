"""Monthly statements of what artists and model owners earned: as a page, as PDF and CSV, and as a file with proofs."""

from __future__ import annotations

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.http import FileResponse, Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_POST

from market.accounts.access import person_of
from market.downloads import csv_response, file_response
from market.ledger import operations as ledger
from market.ledger.models import AccountKind
from market.ledger.statements import Month, NotSealedYet, Statement, proved, statement
from market.ledger.statements import statements as statements_of
from market.reports import statement_files
from market.reports.earnings import LINE_HEADER, line_rows
from market.reports.figures import name_lines
from market.reports.statement_pdf import as_pdf

ROWS = 100
MOST_IN_PDF = 2000
FIRST_MAKE_IT = "the file with its proofs takes a while: ask for it here, and download it when it is ready."


def own_statement(request: HttpRequest, name: str) -> Statement:
    """Give the person's own statement for a month such as "2026-11". Any other address is a 404."""
    try:
        month = Month.named(name)
    except ValueError as error:
        raise Http404(str(error)) from error
    made = statement(ledger.account(AccountKind.EARNINGS, person_of(request)), month)
    if not made.entries().exists():
        raise Http404(f"Nothing moved in your earnings in {name}.")
    return made


@login_required
@require_GET
def statements(request: HttpRequest) -> HttpResponse:
    """List the months in which something was earned or paid out."""
    account = ledger.account(AccountKind.EARNINGS, person_of(request))
    return render(
        request, "reports/statements.html", {"statements": statements_of(account), "account": account}
    )


@login_required
@require_GET
def one(request: HttpRequest, month: str) -> HttpResponse:
    """Show a month line by line, and that the lines sum to the statement."""
    made = own_statement(request, month)
    page = Paginator(made.entries(), ROWS).get_page(request.GET.get("page"))
    return render(
        request,
        "reports/statement.html",
        {
            "statement": made,
            "page_obj": page,
            "lines": name_lines(page),
            "account": made.account,
            "short": page.paginator.count <= statement_files.AT_ONCE,
            "file": statement_files.made_file(made),
            "job": statement_files.job_at_it(made),
        },
    )


@login_required
@require_GET
def csv_file(request: HttpRequest, month: str) -> HttpResponseBase:
    made = own_statement(request, month)
    return csv_response(f"statement-{made.month}", LINE_HEADER, line_rows(made.entries()))


@login_required
@require_GET
def pdf_file(request: HttpRequest, month: str) -> HttpResponse:
    made = own_statement(request, month)
    if made.entries().count() > MOST_IN_PDF:
        messages.warning(
            request, f"With more than {MOST_IN_PDF} lines it is no PDF to be read. Take the CSV."
        )
        return redirect("reports:statement", month=month)
    return file_response(
        as_pdf(made, name_lines(made.entries())), "application/pdf", f"statement-{made.month}.pdf"
    )


@login_required
@require_GET
def proof_file(request: HttpRequest, month: str) -> HttpResponseBase:
    """Give the signed statement, which `verify_statement.py` verifies offline. A long one is given as it was last made."""
    made = own_statement(request, month)
    name = f"statement-{made.month}.json"
    if not statement_files.is_short(made):
        kept = statement_files.made_file(made)
        if kept is None:
            messages.info(request, f"With more than {statement_files.AT_ONCE} lines {FIRST_MAKE_IT}")
            return redirect("reports:statement", month=month)
        try:
            content = kept.file.open("rb")
        except FileNotFoundError:
            messages.error(request, "The file is not there any more. Make it again.")
            return redirect("reports:statement", month=month)
        return FileResponse(content, as_attachment=True, filename=name, content_type="application/json")
    try:
        return file_response(proved(made), "application/json", name)
    except NotSealedYet as error:
        messages.warning(request, f"{error} Try again in a minute.")
        return redirect("reports:statement", month=month)


@login_required
@require_POST
def make_file(request: HttpRequest, month: str) -> HttpResponse:
    """Let a worker make the file of a long statement, and redirect to its job. A short one is given at once."""
    made = own_statement(request, month)
    if statement_files.is_short(made):
        return redirect("reports:statement_proof", month=month)
    return redirect(statement_files.request_file(made, person_of(request)))
