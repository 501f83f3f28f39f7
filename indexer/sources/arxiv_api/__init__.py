"""`arxiv:QUERY`: what a query of arXiv's own API finds."""
