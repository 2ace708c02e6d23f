"""Makes one output: named, forecast, staged, written, verified, published, or nothing of it."""
