"""From a letter to bytes that a person or another software opens.

The door is ``render.render``: one ``Letter``, a ``Shop`` loaded once, the face of a channel.
"""
