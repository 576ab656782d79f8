"""The process in the runner that loads a candidate's agent class. Nothing of it is trusted."""
