"""Combination: several plug-ins become one, from nothing but the plug-ins and the prompts that call them.

EasyMerge of the paper (arXiv 2404.11962, section 4.3): with X_i the inputs of a layer while plug-in i draws its own
prompts, the combined ΔW shall do to each X_i what ΔW_i did:

    min over ΔW of Σ_i w_i ‖ΔW X_i - ΔW_i X_i‖² + λ ‖ΔW‖²                                             (1)

where w_i is the part's weight, divided by the size of what its plug-in does there (`part_weights`). The paper descends on (1)
by stochastic gradient ("sgd" here). It is a linear regression, so "closed-form" solves it: with G_i = w_i X_i X_iᵀ and M = ΣG_i + λI,

    ΔW* = Σ_i B_i A_i G_i M⁻¹ = [B_1 … B_K] Ã,                                                       (2)

whose rank is at most the sum of the parts' ranks. Reduced-rank regression (Izenman 1975) compresses it to a lower rank r
where it matters: with L Lᵀ = M, the best rank-r solution of (1) is the SVD of ΔW* L cut off at r, times L⁻¹.

A part without a plug-in is prompts that shall stay as they are (ΔW_i = 0); with those, extractions combine as well. A part
whose prompts call several plug-ins has them side by side: its ΔW_i is their sum. It adds its G_i to each one's in (2) and
nothing to the rank. Without such parts nothing says what a picture of several shall be.

"tuned" begins with (2), and then tunes all layers together. (2) knows what a plug-in does on the given prompts; the plug-ins' sum
knows all that it does. Where they hardly disturb each other, the sum predicts nearly as well as (2) what each makes of its prompts.
Then tuning begins with the sum. Erasers also have what (1) cannot see: layers that do not read the text, taught to withstand words
that are in no prompt. If all the plug-ins are erasers, "tuned" begins with the sum of those layers and (2) of the others. It then
tunes away what the sum does to the rest.

Layers of a text encoder are solved like those of the UNet; their X_i come from the prompts alone. They are not tuned: what is
tuned reads the prompts as the combination will. Learned tokens stay side by side, each under its own name.
"""
