"""The rules of money in memory: the oracle of the store. Pure."""
