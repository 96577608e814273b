"""Twelve hours of a city's day squeezed into ten minutes: `make soak`. Not tests; a verdict at the end."""
