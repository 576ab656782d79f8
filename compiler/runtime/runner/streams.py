"""Frames on asyncio's streams: for the two ends of a session with a candidate's agent."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Iterable

from . import frames

PIECE = 256 * 1024


class FrameStream:
    """Whole frames in both directions. One task reads; any number may send.

    A send that is broken off leaves half a frame behind: `broken` tells that no further one can be
    understood.
    """

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._sending = asyncio.Lock()
        self.broken = False

    @classmethod
    async def over(cls, channel: socket.socket) -> FrameStream:
        """Takes over a connected socket."""
        channel.setblocking(False)
        reader, writer = await asyncio.open_unix_connection(sock=channel)
        return cls(reader, writer)

    async def receive(self, header_limit: int, body_limit: int = 0) -> tuple[frames.Header, bytes]:
        """The next frame. EndOfStream when the other side is gone, FrameError for what is none."""
        first = await self._reader.read(1)
        if not first:
            raise frames.EndOfStream("the stream ended")
        prefix = first + await self._exactly(frames.PREFIX - 1)
        size = frames.decode_size(prefix, header_limit)
        header = frames.decode_header(await self._exactly(size))
        return header, await self._exactly(frames.body_size(header, body_limit))

    async def receive_chunks(self, write: Callable[[bytes], object], limit: int) -> int:
        """Hands the pieces of one stream of chunks on; how many bytes, at most `limit`."""
        total = 0
        while True:
            size = frames.decode_size(await self._exactly(frames.PREFIX), frames.MAX_CHUNK)
            if size == 0:
                return total
            total += size
            if total > limit:
                raise frames.FrameError(f"a stream of chunks has more than {limit} bytes")
            write(await self._exactly(size))

    async def _exactly(self, size: int) -> bytes:
        try:
            return await self._reader.readexactly(size)
        except asyncio.IncompleteReadError as error:
            raise frames.FrameError("the stream ended inside a frame") from error

    async def send(
        self,
        header: frames.Header,
        body: bytes | None = None,
        chunks: Iterable[bytes] | None = None,
    ) -> None:
        """One frame, and the stream of chunks that belongs to it."""
        async with self._sending:
            if self.broken:
                raise frames.FrameError("an earlier frame was broken off")
            self.broken = True
            await self._write(frames.encode_frame(header, body))
            if chunks is not None:
                for chunk in chunks:
                    await self._write(frames.encode_chunk(chunk))
                await self._write(frames.END_OF_CHUNKS)
            self.broken = False

    async def _write(self, data: bytes) -> None:
        self._writer.write(data)
        await self._writer.drain()

    def close(self) -> None:
        """Lets go at once; what was not sent is lost."""
        self._writer.transport.abort()
