"""What the workers of a deployment count together: the counters of rate limits."""
