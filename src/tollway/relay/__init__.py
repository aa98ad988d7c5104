"""The life of one exchange, from admission to settlement."""
