"""The life of one exchange, from admission to settlement. `exchange.py` is the file to read first."""
