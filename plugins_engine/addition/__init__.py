"""Addition: an artist's works become a plug-in that draws their concept where its name is called, and only there.

LoRA (Hu et al., 2021, arXiv 2106.09685) on the UNet's noise-prediction loss over the captioned works. Plug-ins must
keep quiet where their name is not called. So every step also holds the plug-in to what the base itself predicts for
other prompts (prior preservation as in DreamBooth, arXiv 2208.12242, but on predictions instead of pictures). While
the base draws a few prompts, the noisy latents on the way and its own predictions on them are kept. They are the
targets. That costs no further pass of the base, and needs no pictures beside the works.

A base may also ask for tokens of the plug-in's own, read where its name is called (textual inversion, arXiv 2208.01618), and for
factors on the text encoders. Tokens then begin alone, with everything else as it is. What the works have in common goes into what is
read only by name, and less is left to the factors, which every prompt meets. After that all go on together.
"""
