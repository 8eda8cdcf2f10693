"""The leak firewall: unpacks the very bytes that are about to leave, and says where they say too
much. Pure: bytes and rules in, places and names of rules out; never a word of the letter."""
