"""The imitated Notion API, version 2025-09-03: databases, data sources, pages, queries, and the real error messages."""
