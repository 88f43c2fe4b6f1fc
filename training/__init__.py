"""Recipes that made the embedded base model and its judge, runnable again.

``python -m training drawings|autoencoder|judge|latents|model|export`` writes under ``var/training`` and, at the end, into
``plugins_engine/embedded``. Every stage saves checkpoints and goes on from the last one when it is started again.
"""
