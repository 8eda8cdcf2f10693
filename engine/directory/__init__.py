"""The national directory: reading its files, comparing names, finding the doctor meant.

Pure: rows, queries and an index to look into come in as arguments.
"""
