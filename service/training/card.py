"""The card of an adapter: what it is, what it was made from, how good it is, how to make it again."""

from __future__ import annotations

from collections.abc import Mapping

from indexer.adapters import Adapter


def card(adapter: Adapter, errors: Mapping[int, float]) -> str:
    """Markdown; `errors` is what each rank loses of the change, 0 to 1."""
    origin, made = adapter.origin, adapter.origin.made_from
    kept = f"low-rank factors of rank {adapter.rank}" if adapter.rank else "full changes"
    return f"""# {origin.name}

An adapter to the embedding model `{origin.base}` for titles and abstracts of papers, trained by `paperkin train
embedding`: {len(adapter.tensors)} tensors in half precision ({kept}), applied with strength {adapter.strength:g}.

- licence: {origin.license} (the base model has its own)
- base weights, SHA-256: `{origin.base_weights}`
- this adapter, SHA-256 over base, tensors and strength: `{adapter.digest}`

## Data

Citations among the papers of one library: a paper and what it cites are positives; papers that share a reference or
a citer count as neither; negatives are all others of the batch, among them the nearest texts and references of
references that no citation joins. No text but titles and abstracts.

{_rows(made)}

## Split

By time: nothing was learned from papers newer than {made.get("until", "the cut")}. The figures are of those, papers
excluded left out.

## Figures

{_rows(origin.figures)}
{_lost(errors)}
## Again

    paperkin train embedding --output {origin.name}.safetensors --minutes {made.get("minutes", 60):g} \\
      --seed {made.get("seed", 0)} --until {_month(made.get("until"))} --exclude FILE

The schedule follows the clock, so another machine gets other weights of much the same worth.

    PAPERKIN_MODEL={origin.name}.safetensors paperkin update --new-model
"""


def _rows(values: Mapping[str, object]) -> str:
    told = [f"| {name.replace('_', ' ')} | {_cell(value)} |" for name, value in values.items()]
    return "\n".join(["| what | value |", "|---|---|", *told])


def _cell(value: object) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {one}" for name, one in value.items())
    return str(value)


def _lost(errors: Mapping[int, float]) -> str:
    if not errors:
        return ""
    told = ", ".join(f"{error:.3f} at rank {rank}" for rank, error in errors.items())
    return f"\nOf the change (Frobenius norm) factors leave out {told}.\n"


def _month(until: object) -> str:
    text = str(until or "")
    return f"{text[:4]}-{text[4:]}" if len(text) == 6 else "YYYY-MM"
