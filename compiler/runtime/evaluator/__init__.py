"""The evaluation sidecar: receives candidates, runs, scores and meters them, finalises."""
