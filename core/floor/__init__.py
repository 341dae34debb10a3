"""The cheap floor: a linear and a tree model on words, columns and frozen features, fitted at every training.

A fused network that does not beat it is not worth its cost; the run says so, and offers the floor as the model.
"""
