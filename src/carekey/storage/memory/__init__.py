"""The reference: what the other stores must agree with. Nothing outlives the process."""
