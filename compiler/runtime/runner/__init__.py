"""The box in which candidate code runs: a daemon on a unix socket, one user id per running sample."""
