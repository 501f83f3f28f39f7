"""`oai-pmh:SET`: a mirror of arXiv over the protocol made for mirrors."""
