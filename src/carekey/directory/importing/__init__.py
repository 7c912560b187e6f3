"""Import of people, organisations, positions and who holds them, from CSV and JSON Lines.

`row.py` says what a row means, `source.py` reads a file line by line, `landing.py` writes a batch in one
transaction, `run.py` goes from the first batch to the last and can be stopped and resumed.
"""
