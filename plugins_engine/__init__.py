"""Low-rank plug-ins for latent diffusion models: make them, read them, draw with them. Knows nothing of the market."""
