"""Stores: the library's truth, one module for each kind of database."""
