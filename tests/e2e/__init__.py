"""Whole programs, started as an operator would start them."""
