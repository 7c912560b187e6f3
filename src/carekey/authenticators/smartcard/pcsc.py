"""Cards in the readers of this machine, by PC/SC (pcsc-lite): the shell that carries commands to them.

The library is called directly: it has eight functions that are needed here, and no package for Python that is built.
"""

import ctypes
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from carekey.authenticators.smartcard.authority.registration import CardError
from carekey.authenticators.smartcard.piv_card import Transmit

_WORD, _HANDLE = ctypes.c_ulong, ctypes.c_long
_SHARED, _T0, _T1, _LEAVE, _RESET = 2, 1, 2, 0, 1
_NO_SERVICE, _NO_READERS, _BUSY = 0x8010001D, 0x8010002E, 0x8010000B
_NOT_A_CARD = frozenset({0x8010000C, 0x80100069, 0x80100066, 0x80100067, 0x80100017, 0x80100009})
"""None in it, just taken out, mute, without power, a reader that is going, one of an unknown name."""


class _IoRequest(ctypes.Structure):
    _fields_ = (("protocol", _WORD), ("size", _WORD))


class Readers:
    """Every method raises CardError."""

    def __init__(self, library: Any, context: Any) -> None:
        self._library = library
        self._context = context

    def names(self) -> Sequence[bytes]:
        size = _WORD()
        code = _code(self._library.SCardListReaders(self._context, None, None, ctypes.byref(size)))
        if code == _NO_READERS:
            return ()
        _check(code)
        text = ctypes.create_string_buffer(size.value)
        _check(_code(self._library.SCardListReaders(self._context, None, text, ctypes.byref(size))))
        return [one for one in text.raw[: size.value].split(b"\0") if one]

    @contextmanager
    def card(self, name: bytes) -> Iterator[Transmit | None]:
        """The card in this reader, to oneself until the block ends, and then without what it was shown; None if there
        is none."""
        card, protocol = _HANDLE(), _WORD()
        code = _code(
            self._library.SCardConnect(
                self._context, name, _SHARED, _T0 | _T1, ctypes.byref(card), ctypes.byref(protocol)
            )
        )
        if code in _NOT_A_CARD:
            yield None
            return
        _check(code)
        try:
            _check(_code(self._library.SCardBeginTransaction(card)))

            def transmit(command: bytes) -> bytes:
                return self._transmit(card, protocol.value, command)

            yield transmit
        finally:
            self._library.SCardEndTransaction(card, _RESET)
            self._library.SCardDisconnect(card, _LEAVE)

    def _transmit(self, card: Any, protocol: int, command: bytes) -> bytes:
        answer, size = ctypes.create_string_buffer(512), _WORD(512)
        how = _IoRequest(protocol, ctypes.sizeof(_IoRequest))
        # T=0 has no length of what is expected after data.
        sent = command[: 5 + command[4]] if protocol == _T0 and len(command) > 5 else command
        _check(
            _code(
                self._library.SCardTransmit(card, ctypes.byref(how), sent, len(sent), None, answer, ctypes.byref(size))
            )
        )
        return answer.raw[: size.value]


@contextmanager
def readers() -> Iterator[Readers]:
    """Raises: CardError."""
    try:
        library: Any = ctypes.CDLL("libpcsclite.so.1")
    except OSError:
        raise CardError("Card readers need libpcsclite.so.1: install pcsc-lite, as pcscd.") from None
    number, context = ctypes.POINTER(_WORD), _HANDLE()
    library.SCardListReaders.argtypes = [_HANDLE, ctypes.c_char_p, ctypes.c_char_p, number]
    library.SCardConnect.argtypes = [_HANDLE, ctypes.c_char_p, _WORD, _WORD, ctypes.POINTER(_HANDLE), number]
    library.SCardBeginTransaction.argtypes = [_HANDLE]
    library.SCardEndTransaction.argtypes = library.SCardDisconnect.argtypes = [_HANDLE, _WORD]
    request, text = ctypes.POINTER(_IoRequest), ctypes.c_char_p
    library.SCardTransmit.argtypes = [_HANDLE, request, text, _WORD, request, text, number]
    library.SCardEstablishContext.argtypes = [_WORD, text, text, ctypes.POINTER(_HANDLE)]
    library.SCardReleaseContext.argtypes = [_HANDLE]
    _check(_code(library.SCardEstablishContext(0, None, None, ctypes.byref(context))))
    try:
        yield Readers(library, context)
    finally:
        library.SCardReleaseContext(context)


def _code(answer: int) -> int:
    return answer & 0xFFFFFFFF


def _check(code: int) -> None:
    if code == 0:
        return
    if code == _NO_SERVICE:
        raise CardError("Nothing serves the card readers of this machine: start pcscd.")
    if code == _BUSY:
        raise CardError("Another program has the card to itself: end it, and repeat.")
    raise CardError(f"The card was taken out, or does not answer (PC/SC {code:08x}): put it in again and repeat.")
