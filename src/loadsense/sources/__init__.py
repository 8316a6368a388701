"""Where live samples come from and where they are kept: radio, log, replay."""
