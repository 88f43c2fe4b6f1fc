"""Set the scene for a query: a base, published plug-ins, a wallet with money. Real rows, made the way the market does."""

from __future__ import annotations

import hashlib
import json
import struct
import uuid
from dataclasses import dataclass, field
from typing import Any

from market.accounts.models import User
from market.basemodels.models import BaseModel, BaseRelease
from market.catalog import addition, coowners, versions
from market.catalog.models import Concept, ConceptKind, CoOwnerTerms, PlugIn
from market.generation.models import GenerationRequest
from market.generation.orders import GenerationOrder
from market.generation.requesting import request_pictures, settle_terms
from market.jobs.models import Job
from market.ledger import operations as ledger
from market.ledger.models import Account, AccountKind

EURO = 1_000_000
FINGERPRINT = "ab" * 32


def make_base(owner: User, *, slug: str = "tiny", fee: int = 10_000, source: str = "", fingerprint: str = FINGERPRINT,
              architecture: str = "stable-diffusion-v1", resolution: int = 32) -> BaseModel:  # fmt: skip
    """Register and list a base with its first release."""
    base = BaseModel.objects.create(
        slug=slug,
        name=slug.capitalize(),
        owner=owner,
        source=source,
        fingerprint=fingerprint,
        architecture=architecture,
        resolution=resolution,
        fee_micros=fee,
        default_steps=3,
        default_guidance=3.0,
        listed=True,
    )
    BaseRelease.objects.create(base=base, number=1, fingerprint=fingerprint, is_default=True)
    return base


def empty_adapter() -> bytes:
    """A file in the safetensors format that holds nothing."""
    header = json.dumps({}).encode()
    return struct.pack("<Q", len(header)) + header


@dataclass
class Weights:
    """The file of a plug-in version and what it says of itself."""

    content: bytes = field(default_factory=empty_adapter)
    tensors_sha256: str = "cd" * 32
    rank: int = 1


def merged_adapter(*parts: tuple[str, str, int], content: bytes = b"weights") -> bytes:
    """A file with one tensor that says it was merged from parts of (name, tensors_sha256, share_bps)."""
    listed = [
        {"name": name, "tensors_sha256": digest, "weight": 1.0, "share_bps": share}
        for name, digest, share in parts
    ]
    header = json.dumps(
        {
            "__metadata__": {"plugin.merged_from": json.dumps(listed)},
            "a": {"dtype": "U8", "shape": [len(content)], "data_offsets": [0, len(content)]},
        }
    ).encode()
    return struct.pack("<Q", len(header)) + header + content


def some_hash(name: str) -> str:
    return hashlib.sha256(name.encode()).hexdigest()


def make_part(artist: User, base: BaseModel, name: str, **terms: Any) -> PlugIn:
    """Make a plug-in whose weights have the hash `some_hash(name)`, for others to be combined from."""
    return make_plugin(artist, base, name=name, weights=Weights(tensors_sha256=some_hash(name)), **terms)


def make_combined(artist: User, base: BaseModel, name: str, *parts: tuple[str, int], **terms: Any) -> PlugIn:
    """Make a plug-in whose file says that it was merged from parts of (name, share_bps)."""
    content = merged_adapter(*((part, some_hash(part), share) for part, share in parts))
    return make_plugin(artist, base, name=name, weights=Weights(content, some_hash(name)), **terms)


def share_with(plugin: PlugIn, person: User, share_bps: int) -> CoOwnerTerms:
    """Make somebody a co-owner: offered by the owner, and accepted."""
    offered = coowners.offer(plugin, plugin.owner, handle=person.handle, share_bps=share_bps)
    return coowners.accept(offered, person)


def make_plugin(artist: User, base: BaseModel, *, name: str = "Fxemoji", price: int = 50_000,
                kind: ConceptKind = ConceptKind.STYLE, weights: Weights | None = None, publish: bool = True,
                allow_combination: bool = True) -> PlugIn:  # fmt: skip
    """Make a plug-in with one version, through a real addition job, and publish it."""
    weights = weights or Weights()
    concept = Concept.objects.create(artist=artist, name=name, kind=kind)
    affirmation = concept.affirm_rights(artist)
    plugin = PlugIn.objects.create(
        concept=concept,
        base=base,
        owner=artist,
        slug=name.lower().replace(" ", "-"),
        price_micros=price,
        allow_combination=allow_combination,
    )
    job = Job.objects.enqueue(
        kind=addition.KIND,
        owner=artist,
        parameters={
            "plugin": plugin.pk,
            "concept": concept.pk,
            "concept_name": name,
            "base_name": base.name,
            "base_fingerprint": base.fingerprint,
            "affirmation": affirmation.pk,
            "works": [],
        },
    )
    (job,) = Job.objects.claim(kinds=[addition.KIND], worker="stage")
    versions.complete_version(
        job=job,
        token=job.fencing_token,
        output=versions.VersionOutput(
            adapter=weights.content,
            file_sha256=hashlib.sha256(weights.content).hexdigest(),
            tensors_sha256=weights.tensors_sha256,
            base_fingerprint=base.fingerprint,
            rank=weights.rank,
        ),
    )
    plugin.refresh_from_db()
    if publish:
        plugin.publish()
    return plugin


def wallet(person: User) -> Account:
    return ledger.account(AccountKind.WALLET, owner=person)


def earnings(person: User) -> int:
    """What a person has earned, in micro-euros."""
    return ledger.balance(ledger.account(AccountKind.EARNINGS, owner=person)).posted


def escrow(person: User) -> int:
    """What lies in escrow of what a person has earned, in micro-euros."""
    return ledger.balance(ledger.account(AccountKind.ESCROW, owner=person)).posted


def paid_query(person: User, plugin: PlugIn) -> GenerationRequest:
    """Ask for a picture with a plug-in and pay for it, without drawing it."""
    request = run(person, make_order(plugin.base, (plugin, 1.0)))
    assert request.hold is not None
    ledger.capture(hold=request.hold, key=f"{request.reference}:capture")
    return request


def commission() -> int:
    return ledger.balance(ledger.account(AccountKind.PLATFORM_REVENUE)).posted


def top_up(person: User, amount: int = EURO) -> None:
    ledger.post(
        key=f"top-up:{uuid.uuid4()}",
        debit=ledger.account(AccountKind.GATEWAY_CLEARING),
        credit=wallet(person),
        amount=amount,
        kind="top_up",
    )


def make_order(base: BaseModel, *plugins: tuple[PlugIn, float], **changes: object) -> GenerationOrder:
    terms: dict[str, object] = {
        "prompt": "a fox, Fxemoji style",
        "seed": 7,
        "steps": 3,
        "guidance": 3.0,
        "count": 1,
        "plugins": tuple((plugin.pk, weight) for plugin, weight in plugins),
    }
    return GenerationOrder(base=base, **terms | changes)  # type: ignore[arg-type]  # a test may ask for anything


def run(person: User, order: GenerationOrder, key: uuid.UUID | None = None) -> GenerationRequest:
    """Ask for pictures, agreeing to the price as it is now."""
    terms = settle_terms(order, person)
    return request_pictures(
        person=person, order=order, agreed=terms.quote.digest, idempotency_key=key or uuid.uuid4()
    )
