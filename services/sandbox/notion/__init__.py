"""Notion's API, version 2025-09-03: databases, data sources, pages, queries, with its shapes and its messages."""
