"""Evidence that a base learned from works: what it reproduces, and how well it predicts them.

Two tests, after Carlini et al. 2023, "Extracting training data from diffusion models" (arXiv 2301.13188):

- *Reproduction* (their sections 4.1 and 4.2): draw prompts with many seeds. A work is reproduced if a picture comes
  closer to it than a threshold, and a picture is memorised if many seeds agree on it.
- *Membership* (their section 5.1): a base predicts what it was trained on with less error. Only controls, comparable works
  that it never saw, tell how much less is usual. So errors are calibrated by theirs (the offline likelihood ratio of
  Carlini et al. 2022, arXiv 2112.03570).

Works and controls are measured alike, and everything found of works is reported beside what is found of controls. The numbers
are evidence, not a verdict: works of one artist are alike, and so are drawings of one thing.
"""
