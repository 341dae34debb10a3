"""Train a model: one visible loop, and the search for its hyperparameters."""
