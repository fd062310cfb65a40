"""Faults put into the Lua scripts on purpose, one at a time: each has to be found by a test."""
