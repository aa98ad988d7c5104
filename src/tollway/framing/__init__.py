"""Bytes to frames and back; no JSON and no I/O."""
