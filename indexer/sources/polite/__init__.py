"""Asking services as they ask to be asked: one pace for the machine, deadlines, sizes, retries."""
