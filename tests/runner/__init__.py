"""Runs everything that can fail, and counts it."""
