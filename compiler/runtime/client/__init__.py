"""The command inside the workbench: asks the evaluator, and fetches the reward at the end."""
