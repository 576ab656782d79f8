"""The box of candidate code: a daemon on a unix socket, one user id per running sample."""
