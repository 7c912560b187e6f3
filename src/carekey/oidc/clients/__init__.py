"""Relying parties: what they register, and where they may be answered."""
