"""Tiny encoders of the devices' own file formats: each takes counts of shape (n, 3) and gives the bytes of a file."""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from datetime import datetime, timedelta

import numpy as np

START = datetime(2026, 11, 20, 10, 0, 0)
UNIX = int((START - datetime(1970, 1, 1)).total_seconds())


def walk_counts(n: int, *, per_g: float, seed: int = 1) -> np.ndarray:
    """Standing with noise, some steps and a few hard impacts, as whole counts."""
    rng = np.random.default_rng(seed)
    g = rng.normal(0.0, 0.02, (n, 3))
    g[:, 2] += 1.0
    for at in range(150, n - 20, 370):
        g[at : at + 12] += np.hanning(12)[:, None] * rng.uniform(-1.0, 4.0, 3)
    return np.rint(g * per_g).astype(np.int64)


def cwa_sector(
    counts: np.ndarray,
    at_s: float,
    *,
    sequence: int = 0,
    rate_code: int = 0x4A,
    form: int = 0x30,
    light_scale: int = 0,
    gyro: np.ndarray | None = None,
) -> bytes:
    """One sector whose first sample is `at_s` after START."""
    rate = int(3200 / (1 << (15 - (rate_code & 15))))
    moment = START + timedelta(seconds=int(at_s))
    stamp = (moment.year - 2000) << 26 | moment.month << 22 | moment.day << 17
    stamp |= moment.hour << 12 | moment.minute << 6 | moment.second
    fraction = round((at_s - int(at_s)) * 32768)
    offset = -((fraction << 1) * rate >> 16)
    if form == 0x30:
        top = np.abs(counts).max(axis=1)
        exponent = np.select([top < 512, top < 1024, top < 2048], [0, 1, 2], 3)
        ten = (counts >> exponent[:, None]) & 0x3FF
        data = (ten[:, 0] | ten[:, 1] << 10 | ten[:, 2] << 20 | exponent << 30).astype("<u4").tobytes()
    else:
        columns = counts if gyro is None else np.hstack([gyro, counts])
        data = columns.astype("<i2").tobytes()
    head = struct.pack(
        "<2sHHIIIHHBBBBhH",
        b"AX", 508, fraction | 0x8000, 7, sequence, stamp, light_scale, 270, 0, 200, rate_code, form, offset,
        len(counts),
    )  # fmt: skip
    sector = head + data.ljust(480, b"\0")
    total = int(np.frombuffer(sector, "<u2").sum(dtype=np.uint64))
    return sector + struct.pack("<H", -total & 0xFFFF)


def cwa_header(hardware: int = 0x17) -> bytes:
    head = bytearray(1024)
    struct.pack_into("<2sHBHIH", head, 0, b"MD", 1020, hardware, 12345, 99, 0xFFFF)
    head[64:80] = b"_sc=001         "
    return bytes(head)


def cwa_file(counts: np.ndarray, *, rate_hz: float = 100.0, clock_hz: float | None = None) -> bytes:
    """AX3, packed; the sensor runs at `clock_hz` by the stamps."""
    sectors = [
        cwa_sector(counts[i : i + 120], i / (clock_hz or rate_hz), sequence=i // 120)
        for i in range(0, len(counts), 120)
    ]
    return cwa_header() + b"".join(sectors)


def ax6_file(counts: np.ndarray) -> bytes:
    """AX6: gyroscope and accelerometer of 16 bits, 1/2048 g, 100 Hz, 16 g."""
    gyro = np.full_like(counts, 1234)
    sectors = [
        cwa_sector(
            counts[i : i + 40],
            i / 100.0,
            sequence=i // 40,
            rate_code=0x0A,
            form=0x62,
            light_scale=3 << 13,
            gyro=gyro[i : i + 40],
        )
        for i in range(0, len(counts), 40)
    ]
    return cwa_header(0x64) + b"".join(sectors)


def packed_12_bit(values: np.ndarray) -> bytes:
    """Whole values, 12 bits each, most significant first."""
    bits = ((values.astype(np.int64).ravel()[:, None] >> np.arange(11, -1, -1)) & 1).astype(np.uint8)
    return np.packbits(bits).tobytes()


def gt3x_record(kind: int, stamp: int, payload: bytes) -> bytes:
    body = struct.pack("<BBIH", 0x1E, kind, stamp, len(payload)) + payload
    return body + bytes([0xFF ^ int(np.bitwise_xor.reduce(np.frombuffer(body, np.uint8)))])


def gt3x_log(counts: np.ndarray, *, rate: int = 30, kind: int = 0, asleep: range = range(0)) -> bytes:
    """A record a second, beginning at START; nothing is written while asleep."""
    records = [gt3x_record(6, UNIX - 50, b'{"MetadataType":"Bouts"}'), gt3x_record(2, UNIX, b"\xc5\x0f")]
    for second in range(len(counts) // rate):
        xyz = counts[second * rate : (second + 1) * rate]
        if second in asleep:
            if second == asleep.start:
                records.append(gt3x_record(3, UNIX + second, b"\x08"))
            continue
        payload = packed_12_bit(xyz[:, [1, 0, 2]]) if kind == 0 else xyz.astype("<i2").tobytes()
        records.append(gt3x_record(kind, UNIX + second, payload))
        if second % 5 == 0:
            records.append(gt3x_record(5, UNIX + second, b"\x08\x00"))
    return b"".join(records)


def gt3x_info(*, rate: int = 30, serial: str = "MOS2E39180594", more: str = "Acceleration Scale: 256.0\r\n") -> str:
    ticks = 621_355_968_000_000_000 + UNIX * 10_000_000
    return (
        f"Serial Number: {serial}\r\nDevice Type: wGT3XBT\r\nFirmware: 1.9.2\r\nBattery Voltage: 4,03\r\n"
        f"Sample Rate: {rate}\r\nStart Date: {ticks}\r\nTimeZone: 02:00:00\r\nMass: 61\r\nLimb: Waist\r\n"
        f"Acceleration Max: 8.0\r\n{more}"
    )


def gt3x_file(log: bytes, info: str | None = None, *, member: str = "log.bin") -> bytes:
    raw = io.BytesIO()
    with zipfile.ZipFile(raw, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(member, log)
        archive.writestr("info.txt", gt3x_info() if info is None else info)
    return raw.getvalue()


def geneactiv_page(counts: np.ndarray, at_s: float, *, number: int = 0, rate: float = 50.0) -> bytes:
    time = (START + timedelta(seconds=at_s)).strftime("%Y-%m-%d %H:%M:%S:%f")[:-3]
    rows = np.hstack([counts & 0xFFF, np.full((len(counts), 1), 0x2A4)])
    digits = "".join(f"{value:03X}" for value in rows.ravel())
    return (
        f"Recorded Data\r\nDevice Unique Serial Code:051386\r\nSequence Number:{number}\r\nPage Time:{time}\r\n"
        f"Unassigned:\r\nTemperature:28.2\r\nBattery voltage:4.16\r\nDevice Status:Recording\r\n"
        f"Measurement Frequency:{rate:.1f}\r\n{digits}\r\n"
    ).encode()


def geneactiv_header(*, rate: int = 50) -> bytes:
    return (
        "Device Identity\r\nDevice Unique Serial Code:051386\r\nDevice Type:GENEActiv\r\nDevice Model:1.1\r\n\r\n"
        f"Accelerometer Range:-8 to 8\r\nMeasurement Frequency:{rate} Hz\r\nTime Zone:GMT -04:00\r\n\r\n"
        "Device Location Code:left wrist\r\nWeight:63.5\r\n\r\nCalibration Data\r\n"
        "x gain:25522\r\nx offset:272\r\ny gain:25457\r\ny offset:-1129\r\nz gain:24829\r\nz offset:101\r\n\r\n"
        "Memory Status\r\nNumber of Pages:3\r\n\r\n"
    ).encode()


def geneactiv_file(counts: np.ndarray, *, rate: int = 50) -> bytes:
    pages = [
        geneactiv_page(counts[i : i + 300], i / rate, number=i // 300, rate=rate) for i in range(0, len(counts), 300)
    ]
    return geneactiv_header(rate=rate) + b"".join(pages)


def crc8(data: bytes) -> int:
    crc = 0
    for octet in data:
        crc ^= octet
        for _ in range(8):
            crc = ((crc << 1) ^ 0x85) & 0xFF if crc & 0x80 else crc << 1
    return crc


def genea_record(kind: int, payload: int) -> bytes:
    body = (kind << 36 | payload).to_bytes(5, "big")
    return bytes([crc8(body)]) + body


def genea_file(counts: np.ndarray, *, n_before: int = 48) -> bytes:
    """80 Hz; the first whole second of the clock comes after `n_before` samples."""
    records = []
    for i, (x, y, z) in enumerate((counts & 0xFFF).tolist()):
        if (i - n_before) % 80 == 0 and i >= n_before:
            records.append(genea_record(2, UNIX + (i - n_before) // 80))
        records.append(genea_record(0, x << 24 | y << 12 | z))
        if i % 240 == 200:
            records.append(genea_record(4, 0x07110AECF))
    pages = [b"".join(records[i : i + 341]) for i in range(0, len(records), 341)]
    pages = [page.ljust(2046, b"\xff").ljust(2048, b"\0") for page in pages]
    head = (
        "GENEA/1.00\r\nSerial-Number:01275\r\nBody-Location:RW\r\nAccel-Offsets:1 -3 -13\r\n"
        "Accel-Gains:8144 8132 8004\r\nSample-Rate:80Hz\r\nUpload:Finished  \r\n\r\n"
    )
    return head.encode() + b"".join(pages)


def matrix_packet(counts: np.ndarray, start_s: int, end_s: int, *, n_gyro: int = 0) -> bytes:
    body = struct.pack("<6I", UNIX + start_s, UNIX + end_s, len(counts), n_gyro, 2, 1)
    body += counts.astype("<i2").tobytes() + b"\x07\0" * (3 * n_gyro) + b"\x19\x01\xdc\0" * 3
    return b"MDTCPACK" + struct.pack("<I", zlib.crc32(body)) + body


def matrix_header(n_packets: int, *, range_g: int = 8) -> bytes:
    return bytes(512) + b"MDTC" + struct.pack("<IHH", n_packets, range_g, 2000)


def matrix_file(counts: np.ndarray, *, seconds_each: int = 10, rate: int = 100, n_gyro: int = 0) -> bytes:
    n = seconds_each * rate
    packets = [
        matrix_packet(counts[i : i + n], i // rate, i // rate + seconds_each, n_gyro=n_gyro)
        for i in range(0, len(counts), n)
    ]
    return matrix_header(len(packets)) + b"".join(packets)


def wav_file(
    counts: np.ndarray, *, flags: np.ndarray | None = None, n_declared: int | None = None, scale: str = "8"
) -> bytes:
    words = f"Time: 2026-11-20 10:00:00.250\nScale-1: {scale}\nScale-2: {scale}\nScale-3: {scale}\n\0".encode()
    artist = b"Id: 37727\nDevice: CWA\nFirmware: 44\n\0\0"
    info = b"INFO" + b"".join(
        kind + struct.pack("<I", len(text)) + text + b"\0" * (len(text) & 1)
        for kind, text in ((b"IART", artist), (b"ICMT", words))
    )
    aux = np.zeros(len(counts), np.int64) if flags is None else flags
    frames = np.hstack([counts, aux[:, None]]).astype(np.uint16).tobytes()
    n_bytes = len(frames) if n_declared is None else 8 * n_declared
    fmt = struct.pack("<HHIIHH", 1, 4, 100, 800, 8, 16)
    chunks = b"fmt " + struct.pack("<I", len(fmt)) + fmt + b"LIST" + struct.pack("<I", len(info)) + info
    return b"RIFF" + struct.pack("<I", n_bytes + 500) + b"WAVE" + chunks + b"data" + struct.pack("<I", n_bytes) + frames


def samples_of_all_layouts(n: int = 3000) -> dict[str, bytes]:
    """A small file of every layout, by the name of the file."""
    counts_256, counts_341 = walk_counts(n, per_g=256), walk_counts(n, per_g=341)
    return {
        "packed.cwa": cwa_file(counts_256),
        "ax6.cwa": ax6_file(walk_counts(n, per_g=2048)),
        "packed.gt3x": gt3x_file(gt3x_log(counts_256, asleep=range(20, 50))),
        "int16.gt3x": gt3x_file(gt3x_log(counts_256, kind=26)),
        "neo.gt3x": gt3x_file(
            packed_12_bit(counts_341), gt3x_info(serial="NEO1C04110003", more=""), member="activity.bin"
        ),
        "geneactiv.bin": geneactiv_file(walk_counts(n, per_g=255)),
        "genea.bin": genea_file(counts_341),
        "matrix.bin": matrix_file(walk_counts(n, per_g=4096)),
        "axivity.wav": wav_file(walk_counts(n, per_g=4096)),
    }
