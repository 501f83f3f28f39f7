"""A BERT of two layers with random weights, made in a moment: the form of a real model without its size."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

WIDTH = 32


def tiny_bert(folder: Path, texts: Sequence[str], *, seed: int = 0) -> Path:
    """Write config, tokenizer and weights of a plain BERT that knows the words of `texts`; its folder."""
    import torch
    from transformers import BertConfig, BertModel, BertTokenizer

    words = sorted({word for text in texts for word in re.findall(r"[a-z]+|\d|[^\w\s]", text.lower())})
    folder.mkdir(parents=True)
    vocabulary = folder / "vocab.txt"
    known = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *words]
    vocabulary.write_text("\n".join(known) + "\n", encoding="utf-8")
    torch.manual_seed(seed)
    config = BertConfig(
        vocab_size=len(known),
        hidden_size=WIDTH,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=2 * WIDTH,
        max_position_embeddings=128,
    )
    BertModel(config).save_pretrained(folder)
    BertTokenizer(vocab=dict(zip(known, range(len(known)), strict=True))).save_pretrained(folder)
    return folder
