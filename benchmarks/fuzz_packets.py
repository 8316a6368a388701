"""Mutated packets through every packet decoder: no crash, no hang, faults counted, memory bounded.

python benchmarks/fuzz_packets.py --packets 100000
"""

from __future__ import annotations

import argparse
import struct
import sys
import time
import warnings
from collections.abc import Callable, Iterator

import numpy as np

from loadsense.wire import loadsense_packet
from loadsense.wire.packet import StreamSettings
from loadsense.wire.packet_grid import PacketGrid
from loadsense.wire.packets import DECODERS, make_decoder, reply_parser

SETTINGS = StreamSettings(sampling_rate_hz=208.0, range_g=16.0, factor=0.1)
#: A decoder that computes longer than this on one payload hangs.
MOST_S = 1.0
#: Bytes that a decoder of a stream may hold on to.
MOST_HELD = 4096

Rng = np.random.Generator


def loadsense(rng: Rng, k: int) -> bytes:
    return loadsense_packet.encode(k, k * 50_000, rng.integers(-32768, 32768, (10, 3)))


def polar(rng: Rng, k: int) -> bytes:
    head = struct.pack("<BQB", 2, 10**18 + k * 10**8, int(rng.choice([0x00, 0x01, 0x02, 0x80, 0x81])))
    bits, count = int(rng.integers(1, 17)), int(rng.integers(1, 20))
    return head + rng.bytes(6) + bytes((bits, count)) + rng.bytes((bits * count * 3 + 7) // 8)


def movesense(rng: Rng, k: int) -> bytes:
    values = rng.normal(0, 20, 24).astype("<f4").tobytes()
    return bytes((int(rng.choice([1, 2, 2, 2, 3])), 0x63)) + struct.pack("<I", k * 38) + values


def witmotion(rng: Rng, _: int) -> bytes:
    return b"".join(b"\x55" + bytes((int(rng.choice([0x61, 0x61, 0x71])),)) + rng.bytes(18) for _ in range(3))


def metamotion(rng: Rng, _: int) -> bytes:
    kind = int(rng.choice([0x04, 0x1C, 0x05]))
    return bytes((3, kind)) + rng.bytes(6 if kind == 0x04 else 18)


def movella(rng: Rng, k: int) -> bytes:
    return struct.pack("<I6f3h", k * 16_667, *rng.normal(0, 10, 6), 1, 2, 3)


def thingy(rng: Rng, _: int) -> bytes:
    return rng.bytes(18)


def espruino(rng: Rng, _: int) -> bytes:
    return "A,{},{},{}\r\n".format(*rng.integers(-8000, 8000, 3)).encode()


MAKERS: dict[str, Callable[[Rng, int], bytes]] = {
    "espruino": espruino, "loadsense": loadsense, "metamotion": metamotion, "movella": movella,
    "movesense": movesense, "polar": polar, "thingy": thingy, "witmotion": witmotion,
}  # fmt: skip


def mutated(payload: bytes, rng: Rng) -> bytes:
    """Whole, flipped, cut, lengthened, spliced or noise."""
    data = bytearray(payload)
    match int(rng.integers(0, 8)):
        case 0:
            for _ in range(int(rng.integers(1, 6))):
                data[int(rng.integers(0, len(data)))] ^= 1 << int(rng.integers(0, 8))
        case 1:
            del data[int(rng.integers(0, len(data))) :]
        case 2:
            data += rng.bytes(int(rng.integers(1, 30)))
        case 3:
            at = int(rng.integers(0, len(data)))
            data[at : at + int(rng.integers(1, 9))] = bytes(rng.choice([0, 255], 4).astype(np.uint8))
        case 4:
            data = bytearray(rng.bytes(int(rng.integers(0, 247))))
        case 5:
            at = int(rng.integers(0, len(data)))
            data = data[at:] + data[:at]
    return bytes(data)


def payloads(name: str, n: int, rng: Rng) -> Iterator[bytes]:
    for k in range(n):
        yield mutated(MAKERS[name](rng, k), rng)


def held_bytes(decoder: object) -> int:
    return sum(len(value) for value in vars(decoder).values() if isinstance(value, bytes | list))


def fuzz(name: str, n: int, seed: int) -> str:
    rng = np.random.default_rng(seed)
    decoder, reply, grid = make_decoder(name, SETTINGS), reply_parser(name), PacketGrid(208.0)
    n_packets, slowest_s, now_s = 0, 0.0, 0.0
    for payload in payloads(name, n, rng):
        began = time.process_time()
        for packet in decoder.decode(payload):
            if not len(packet) or not np.isfinite(packet.accel_g).all():
                raise AssertionError(f"{name}: {payload.hex()} gave {packet}")
            n_packets += 1
            now_s += 0.05
            grid.push(packet, now_s)
        reply(payload)
        slowest_s = max(slowest_s, time.process_time() - began)
        if held_bytes(decoder) > MOST_HELD:
            raise AssertionError(f"{name} holds on to {held_bytes(decoder)} bytes")
    if slowest_s > MOST_S:
        raise AssertionError(f"{name} took {slowest_s:.2f} s for one payload")
    return f"{name:<12} {n} payloads, {n_packets} packets, {decoder.faults} faults, slowest {1e3 * slowest_s:.1f} ms"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--packets", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    warnings.simplefilter("error")
    for name in DECODERS:
        print(fuzz(name, given.packets, given.seed))


if __name__ == "__main__":
    sys.exit(main())
