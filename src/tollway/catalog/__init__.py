"""Providers, models and prices as data, and their loader."""
