"""Bytes in, samples out: packet decoders that know no socket, thread or clock."""
