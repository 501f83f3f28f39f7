"""Builds the library: crawl, link, embed, index, find topics. The only writer."""
