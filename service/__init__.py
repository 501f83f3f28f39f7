"""Answers questions about the library: related papers, pages, search, topics, graph. Only reads."""
