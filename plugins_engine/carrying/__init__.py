"""Carrying: a plug-in of one base becomes one of the next generation of that base, without its works.

A base that is trained further has other weights, so its plug-ins no longer fit. Three ways bring one over:

- "copy" takes ΔW as it is. Between near generations that is often enough.
- "project" takes what ΔW does within the directions that the old layer uses most into those that the new layer uses most, and the rest
  into the rest (ProLoRA, arXiv 2506.04244). With the first k left and right singular vectors U, V of W, which hold a share of its squared
  singular values, and P = U Uᵀ, R = V Vᵀ, of the old (s) and the new (t) layer,

      ΔW_t = P_t P_s ΔW R_s R_t + (I - P_t)(I - P_s) ΔW (I - R_s)(I - R_t).                              (1)

- "distil" begins with the better of these. The old base draws the plug-in's own prompts with the plug-in on. The new base learns to predict
  what the old one predicted there. On other prompts it is held to what it predicts itself.

How good the outcome is, is measured on pictures that took no part: how much it *misses* of what the plug-in changes. The old base with
the plug-in is what shall be met, the new base without any is all of the way. "best" takes the first way that is good enough.
"""
