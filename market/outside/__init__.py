"""The world outside: the only place from which the market asks other people's servers about what somebody typed."""
