"""LoadSense: did this session load the skeleton hard enough and fast enough, and how do we know?"""

__version__ = "0.1.0"
