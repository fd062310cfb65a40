"""Faults planted in the code on purpose, one at a time: a test must find each."""
