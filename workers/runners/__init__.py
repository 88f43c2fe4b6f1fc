"""What each kind of job does: read its inputs, call the engine, hand the result to the market's use case."""
