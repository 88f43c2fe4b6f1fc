"""Pure algebra of low-rank matrices, never multiplied out unless asked to.

A low-rank matrix is a pair (B, A): ΔW = B A, with B (out, rank) and A (rank, in), any scale already folded in.
Everything here is computed in float32, or in float64 if the input is, and returns new tensors of that type.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

LowRank = tuple[Tensor, Tensor]


def rank(delta: LowRank) -> int:
    """Give the number of columns of B; the true rank may be less."""
    return int(delta[1].shape[0])


def shape(delta: LowRank) -> tuple[int, int]:
    """Give (out, in) of ΔW."""
    return int(delta[0].shape[0]), int(delta[1].shape[1])


def materialise(delta: LowRank) -> Tensor:
    """Multiply out: (out, rank) @ (rank, in) → (out, in)."""
    up, down = delta
    return _wide(up) @ _wide(down)


def scale(delta: LowRank, factor: float) -> LowRank:
    up, down = delta
    return _wide(up) * factor, _wide(down)


def negate(delta: LowRank) -> LowRank:
    """Give -ΔW, which restores exactly what ΔW took away."""
    return scale(delta, -1.0)


def concatenate(deltas: Sequence[LowRank]) -> LowRank:
    """Sum matrices exactly by concatenating ranks: ΔW = Σ B_i A_i = [B_1 … B_K] [A_1; …; A_K]."""
    if not deltas:
        raise ValueError("expected at least one low-rank matrix to sum, found none")
    return torch.cat([_wide(up) for up, _ in deltas], dim=1), torch.cat(
        [_wide(down) for _, down in deltas], dim=0
    )


def inner(first: LowRank, second: LowRank) -> float:
    """Give ⟨ΔW_1, ΔW_2⟩ = tr(ΔW_1ᵀ ΔW_2), through matrices no larger than the ranks."""
    left = _wide(first[0]).T @ _wide(second[0])  # (r1, r2)
    right = _wide(first[1]) @ _wide(second[1]).T  # (r1, r2)
    return float((left.double() * right.double()).sum())


def norm(delta: LowRank) -> float:
    """Give the Frobenius norm of ΔW."""
    # From the singular values and not from inner(ΔW, ΔW): a near-zero sum of large parts would be rounding noise.
    return float(singular_values(delta).double().norm())


def singular_values(delta: LowRank) -> Tensor:
    """Give the min(out, in, rank) largest singular values of ΔW, in falling order; the others are zero."""
    _, core, _ = _orthogonalise(delta)
    values: Tensor = torch.linalg.svdvals(core)
    return values


def truncate(delta: LowRank, to_rank: int) -> LowRank:
    """Give the nearest matrix of at most `to_rank` (Eckart, Young), the singular values shared between B and A.

    Through QR of the factors: the SVD is of a (rank, rank) matrix, never of (out, in).
    """
    left, core, right = _orthogonalise(delta)
    up, down = factorise(core, to_rank)
    return left @ up, down @ right


def within(delta: LowRank, most: int) -> LowRank:
    """Give ΔW as it is where its rank is at most `most`, else the nearest matrix of that rank."""
    return truncate(delta, most) if rank(delta) > most else delta


def factorise(matrix: Tensor, to_rank: int) -> LowRank:
    """Give the nearest factors of at most `to_rank` of a full matrix, the singular values shared between B and A."""
    if to_rank < 1:
        raise ValueError(f"expected a rank of at least 1, found {to_rank}")
    u, s, vt = torch.linalg.svd(matrix, full_matrices=False)
    root = s[:to_rank].sqrt()
    return u[:, :to_rank] * root, root[:, None] * vt[:to_rank]


def _wide(tensor: Tensor) -> Tensor:
    return tensor if tensor.dtype == torch.float64 else tensor.float()


def _orthogonalise(delta: LowRank) -> tuple[Tensor, Tensor, Tensor]:
    """Write B A = Q_B (R_B R_Aᵀ) Q_Aᵀ with orthonormal Q_B (out, ·) and Q_A (in, ·)."""
    up, down = delta
    q_up, r_up = torch.linalg.qr(_wide(up))  # (out, k), (k, rank) with k = min(out, rank)
    q_down, r_down = torch.linalg.qr(_wide(down).T)  # (in, l), (l, rank)
    return q_up, r_up @ r_down.T, q_down.T
