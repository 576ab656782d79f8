"""Mode B: the nested `harbor run`, the agent that it loads, and what its trials come to."""
