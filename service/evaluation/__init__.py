"""How good the answers are: judgements, measures with intervals, systems compared on the same queries."""
