"""Personal data out of sight: in text, and in sound where the times of words are known."""
