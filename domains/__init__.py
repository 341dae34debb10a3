"""What each field adds to the engine. Domains never import each other."""
