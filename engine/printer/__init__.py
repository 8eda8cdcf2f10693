"""Letters are set in type by a process of their own, which lives beside the daemon.

``apart`` is the daemon's side, ``child`` the other, ``frames`` what they say to each other.
"""
