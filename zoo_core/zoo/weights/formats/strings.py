"""Attributes of HDF5 that are lists of strings, read without the HDF5 library.

If they are damaged, the library can loop for ever over the heap that the strings are in, or allocate the gigabytes
that a string claims to have. The layout is that of the HDF5 File Format Specification 3.0, sections III.E, IV.A.1 and
IV.A.2.m.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

#: Takes an offset and a number of bytes, and returns these bytes.
Read = Callable[[int, int], bytes]

_CONTINUATION, _ATTRIBUTE = 0x10, 0x0C

#: The most bytes that the names of one list may have, and the most blocks that the header of an object may have.
_MOST_BYTES = 2**20
_MOST_BLOCKS = 1_000

#: Bytes of a reference to a string: its length, the address of its heap and its number there.
_REFERENCE = 16


def strings_of(read: Read, address: int, name: str, count: int) -> list[str]:
    """Return the ``count`` strings of the attribute ``name`` of the object at ``address``.

    Raises:
        ValueError: if they are damaged, or stored in a way that Keras does not use.
    """
    data = next((data for found, data in _attributes(read, address) if found == name), None)
    if data is None or len(data) < count * _REFERENCE:
        raise ValueError(f"the attribute {name!r} is damaged")
    heaps: dict[int, dict[int, bytes]] = {}
    strings, total = [], 0
    for at in range(0, count * _REFERENCE, _REFERENCE):
        length, heap, number = _integer(data, at, 4), _integer(data, at + 4, 8), _integer(data, at + 12, 4)
        if heap not in heaps:
            heaps[heap] = _heap(read, heap)
        total += length
        if total > _MOST_BYTES or length > len(heaps[heap].get(number, b"")):
            raise ValueError(f"the attribute {name!r} claims a string of {length:,} bytes")
        strings.append(heaps[heap][number][:length].rstrip(b"\0").decode())
    return strings


def _integer(data: bytes, at: int, size: int) -> int:
    return int.from_bytes(data[at : at + size], "little")


def _attributes(read: Read, address: int) -> Iterator[tuple[str, bytes]]:
    """Yield the name and the data of each attribute in the header of an object."""
    for kind, flags, message in _messages(read, address):
        if kind != _ATTRIBUTE or flags & 0x02:  # shared by several objects
            continue
        version = message[0]
        sizes = [_integer(message, at, 2) for at in (2, 4, 6)]  # of the name, the datatype and the dataspace
        name_at = 9 if version == 3 else 8
        padded = [-(-size // 8) * 8 for size in sizes] if version == 1 else sizes
        name = message[name_at : name_at + sizes[0]].rstrip(b"\0").decode()
        yield name, message[name_at + sum(padded) :]


def _messages(read: Read, address: int) -> Iterator[tuple[int, int, bytes]]:
    """Yield the kind, the flags and the content of the messages of an object's header, in either of its versions."""
    start = read(address, 64)
    if start[:4] == b"OHDR":
        flags = start[5]
        at = 6 + (16 if flags & 0x20 else 0) + (4 if flags & 0x10 else 0)
        width = 1 << (flags & 3)
        blocks = [(address + at + width, _integer(start, at, width))]
        prefix = 6 if flags & 4 else 4
    elif start[0] == 1:
        blocks, prefix = [(address + 16, _integer(start, 8, 4))], 8
    else:
        raise ValueError("an object has no header")
    done = 0
    while done < len(blocks):
        if done > _MOST_BLOCKS:
            raise ValueError("the header of an object has no end")
        block = read(*blocks[done])
        done += 1
        at = 0
        while at + prefix <= len(block):
            kind, size, flags = (
                (_integer(block, at, 2), _integer(block, at + 2, 2), block[at + 4])
                if prefix == 8
                else (block[at], _integer(block, at + 1, 2), block[at + 3])
            )
            content = block[at + prefix : at + prefix + size]
            at += prefix + size
            if kind == _CONTINUATION and len(content) >= 16:
                offset, length = _integer(content, 0, 8), _integer(content, 8, 8)
                # In the second version a block has a signature before the messages and a checksum after them.
                blocks.append((offset, length) if prefix == 8 else (offset + 4, length - 8))
            yield kind, flags, content


def _heap(read: Read, address: int) -> dict[int, bytes]:
    """Return the objects of a global heap by their numbers."""
    start = read(address, 16)
    size = _integer(start, 8, 8)
    if start[:4] != b"GCOL" or size > _MOST_BYTES:
        raise ValueError("the heap of a list of names is missing")
    heap = read(address, size)
    objects = {}
    at = 16
    while at + 16 <= size:
        number, length = _integer(heap, at, 2), _integer(heap, at + 8, 8)
        if number == 0:  # free space
            break
        if length > size - at - 16:
            raise ValueError("a heap of strings is damaged")
        objects[number] = heap[at + 16 : at + 16 + length]
        at += 16 + -(-length // 8) * 8
    return objects
