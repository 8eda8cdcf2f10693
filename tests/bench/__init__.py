"""Measurements beside named peers, in one run: ``python -m tests.bench [SUBJECT…]``.

One module a subject, with ``def run() -> list[Row]``; `__main__` lists them.
"""
