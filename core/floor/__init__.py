"""The cheap floor: linear and tree models on words, columns and frozen features, fitted at every training.

A fused network that does not beat it is not worth its cost; the run says so, and offers the floor as the model.
"""
