"""Numerics that detectors share: arrays in, small frozen dataclasses out; no cases, no hypotheses, no I/O."""
