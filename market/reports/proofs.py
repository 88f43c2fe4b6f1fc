"""What the market publishes about its ledger: the signed roots, its key, proofs about the tree, the verifier."""

from __future__ import annotations

from pathlib import Path

from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from market.downloads import file_response
from market.ledger import verify_statement
from market.ledger.models import TreeHead
from market.ledger.sealing import sealed_tree
from market.ledger.signing import signer

_VERIFIER = Path(verify_statement.__file__)
_LONGEST = 18  # digits of a number that an address may name


@require_safe
def proof(request: HttpRequest) -> HttpResponse:
    """Explain how a statement is verified; show the key and the latest root."""
    heads = list(TreeHead.objects.all()[:10])
    return render(request, "reports/proof.html", {"key": signer().verifier_key, "heads": heads})


@require_safe
def key(request: HttpRequest) -> HttpResponse:
    return _text(signer().verifier_key + "\n")


@require_safe
def checkpoint(request: HttpRequest, size: int | None = None) -> HttpResponse:
    """Give the latest signed root, or the one of a size that was signed."""
    heads = TreeHead.objects.all() if size is None else TreeHead.objects.filter(size=size)
    head = heads.first()
    if head is None:
        raise Http404("No such root was signed.")
    # The latest is signed again, since it may be older than the key. The others stay as they were signed.
    return _text(head.checkpoint if size else signer().checkpoint(head.size, bytes(head.root)))


@require_safe
def inclusion(request: HttpRequest) -> HttpResponse:
    """Prove that a leaf is in the tree of a size: `?leaf=…&size=…`. Without size it is the latest tree."""
    latest = _latest()
    size, leaf = _number(request, "size") or latest, _number(request, "leaf")
    if leaf is None or size > latest or leaf >= size:
        return _refused(f"Expected leaf=… below size=…, which is at most {latest}.")
    tree = sealed_tree(size)
    path = [each.hex() for each in tree.inclusion(leaf)]
    return JsonResponse(
        {
            "leaf": leaf,
            "size": size,
            "hash": tree.hash(leaf, leaf + 1).hex(),
            "path": path,
            "root": tree.root().hex(),
        }
    )


@require_safe
def consistency(request: HttpRequest) -> HttpResponse:
    """Prove that a tree is the beginning of a larger one: `?from=…&to=…`. Without `to` it is the latest tree."""
    latest = _latest()
    first, last = _number(request, "from"), _number(request, "to") or latest
    if not first or not first <= last <= latest:
        return _refused(f"Expected from=… and to=…, at least 1 and at most {latest}, the lower first.")
    tree = sealed_tree(last)
    path = [each.hex() for each in tree.consistency(first)]
    return JsonResponse({"from": first, "to": last, "path": path})


@require_safe
def verifier(request: HttpRequest) -> HttpResponse:
    """Give the program that verifies a statement offline."""
    return file_response(_VERIFIER.read_bytes(), "text/x-python; charset=utf-8", _VERIFIER.name)


def _latest() -> int:
    head = TreeHead.objects.first()
    return head.size if head else 0


def _number(request: HttpRequest, name: str) -> int | None:
    said = request.GET.get(name, "")
    return int(said) if said.isascii() and said.isdigit() and len(said) <= _LONGEST else None


def _refused(message: str) -> JsonResponse:
    return JsonResponse({"error": message}, status=400)


def _text(text: str) -> HttpResponse:
    return HttpResponse(text, content_type="text/plain; charset=utf-8")
