"""The pages that anybody may read: what the service is, who uses it, what changed, help, and the statements."""
