"""Reads a body in pieces, bounded before and after decompression, and notices when it ends early."""

import zlib
from collections.abc import AsyncIterator, Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import httpx

#: Most bytes that one step of decompression may put out; bounds memory against a compressed bomb.
_STEP = 1 << 20

ENCODINGS = {"": None, "identity": None, "gzip": 31, "x-gzip": 31, "deflate": 15}
"""Transfer compressions that are read, and the window bits zlib wants for each. Only gzip is asked for."""


class TooLargeError(Exception):
    """A body passed the limit; ``bytes`` were read by then."""

    def __init__(self, read: int, *, unpacked: bool) -> None:
        super().__init__(read)
        self.read = read
        self.unpacked = unpacked


class CutOffError(Exception):
    """A body ended early or is not what its header says."""


class _Unpacker:
    def __init__(self, bits: int, limit: int) -> None:
        self._bits = bits
        self._limit = limit
        self._inflater = zlib.decompressobj(bits)
        self._fed = False
        self.size = 0

    def feed(self, data: bytes) -> bytes:
        pieces = []
        try:
            while data:
                if self._inflater.eof:
                    self._inflater = zlib.decompressobj(self._bits)
                self._fed = True
                piece = self._inflater.decompress(data, _STEP)
                self.size += len(piece)
                if self.size > self._limit:
                    raise TooLargeError(self.size, unpacked=True)
                pieces.append(piece)
                data = self._inflater.unused_data if self._inflater.eof else self._inflater.unconsumed_tail
        except zlib.error as error:
            raise CutOffError(f"the compressed body is damaged ({error})") from None
        return b"".join(pieces)

    def finish(self) -> bytes:
        rest = self.feed(self._inflater.unconsumed_tail)
        if self._fed and not self._inflater.eof:
            raise CutOffError("the compressed body ends early")
        return rest


async def read_body(response: "httpx.Response", limit: int, watch: Callable[[int], None] | None = None) -> bytes:
    """Read a body to its end.

    Parameters
    ----------
    response : httpx.Response
        Opened for streaming, nothing read yet; its ``content-encoding`` is one of :data:`ENCODINGS`.
    limit : int
        Most bytes, on the wire and unpacked.
    watch : callable, optional
        Told the bytes received so far.

    Raises
    ------
    TooLargeError, CutOffError
    """
    stated = response.headers.get("content-length", "")
    if stated.isdigit() and int(stated) > limit:
        raise TooLargeError(int(stated), unpacked=False)
    bits = ENCODINGS[response.headers.get("content-encoding", "").strip().lower()]
    unpacker = _Unpacker(bits, limit) if bits is not None else None
    pieces: list[bytes] = []
    read = 0
    async for piece in _pieces(response):
        read += len(piece)
        if read > limit:
            raise TooLargeError(read, unpacked=False)
        pieces.append(unpacker.feed(piece) if unpacker else piece)
        if watch:
            watch(read)
    if unpacker:
        pieces.append(unpacker.finish())
    elif stated.isdigit() and read != int(stated):
        raise CutOffError(f"the body has {read:,} bytes where its header states {int(stated):,}")
    return b"".join(pieces)


def _pieces(response: "httpx.Response") -> AsyncIterator[bytes]:
    # The stream itself, not ``aiter_raw``: an answer built in memory (a replayed one) counts as consumed from the start.
    import httpx

    if not isinstance(response.stream, httpx.AsyncByteStream):
        raise TypeError("a response of an asynchronous client has an asynchronous stream")
    return response.stream.__aiter__()
