"""The program anybody would write first, to compare with: pandas reads, scipy filters and finds the peaks.

python benchmarks/obvious.py FILE.ag.csv
"""

import sys

import numpy as np
import pandas as pd
from scipy.signal import butter, filtfilt, find_peaks


def impacts(accel_g: np.ndarray) -> str:
    """What a recording at 100 Hz holds."""
    b, a = butter(4, 20.0, fs=100.0)
    resultant_g = np.linalg.norm(filtfilt(b, a, accel_g, axis=0), axis=1)
    peaks, _ = find_peaks(resultant_g, height=1.3, distance=40)
    return f"{len(peaks)} impacts, highest {resultant_g[peaks].max():.2f} g"


if __name__ == "__main__":
    print(impacts(pd.read_csv(sys.argv[1], skiprows=10).to_numpy()))
