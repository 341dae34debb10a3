"""Education: lectures, assignments and learning records on the shared engine."""
