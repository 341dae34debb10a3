"""Front ends and the command line: thin, they show what the domain APIs return."""
