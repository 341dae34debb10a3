"""The fusion engine: from a table of cases to a calibrated, saved, explained model. Knows no domain and no UI."""
