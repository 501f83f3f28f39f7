"""The sample library: landmark papers with their true ids, titles, authors, dates and citations.

The abstracts are written for paperkin, in our own words; each paper's comment says so.
"""
