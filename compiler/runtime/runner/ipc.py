"""System V shared memory, semaphores and message queues outlive their makers: removed by owner."""

from __future__ import annotations

import os

REMOVE = 0
# Table of /proc/sysvipc, its column of ids, and the call that removes one.
TABLES = (("shm", "shmid", "shmctl"), ("msg", "msqid", "msgctl"), ("sem", "semid", "semctl"))


def remove_objects(uid: int) -> None:
    """Removes the objects that `uid`, the caller's effective user, made or owns."""
    for table, column, call in TABLES:
        for identifier in find_objects(table, column, uid):
            _remove(call, identifier)


def find_objects(table: str, column: str, uid: int) -> list[int]:
    """Ids in one table; none where the kernel has no such table."""
    try:
        with open(f"/proc/sysvipc/{table}", encoding="utf-8") as file:
            names = file.readline().split()
            rows = [dict(zip(names, line.split())) for line in file]
    except FileNotFoundError:
        return []
    return [int(row[column]) for row in rows if str(uid) in (row["uid"], row["cuid"])]


def _remove(call: str, identifier: int) -> None:
    import ctypes

    libc = ctypes.CDLL(None, use_errno=True)
    rest = (ctypes.c_int(0),) if call == "semctl" else ()
    arguments = (ctypes.c_int(identifier), *rest, ctypes.c_int(REMOVE), ctypes.c_void_p(None))
    if getattr(libc, call)(*arguments) != 0:
        problem = ctypes.get_errno()
        raise OSError(problem, f"{call}: {os.strerror(problem)}")
