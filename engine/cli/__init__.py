"""What an operator can type. Parses and dispatches; knows no rule.

Heavy modules are imported inside the commands, so that ``relais --help`` answers at once.
"""

from engine.cli import (
    dialect,
    directory,
    documents,
    gp,
    keeping,
    letters,
    paper,
    people,
    proof,
    release,
    service,
    traffic,
)
from engine.cli.root import main

__all__ = [
    "dialect",
    "directory",
    "documents",
    "gp",
    "keeping",
    "letters",
    "main",
    "paper",
    "people",
    "proof",
    "release",
    "service",
    "traffic",
]
