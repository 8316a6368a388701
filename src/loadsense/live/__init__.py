"""A live session: sources, one engine for each sensor, logs, and what a screen needs to know."""
