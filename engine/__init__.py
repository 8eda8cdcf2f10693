"""Relais: from the hospital record's message to a mail in the doctor's box, with proof."""

__version__ = "0.1.0"
