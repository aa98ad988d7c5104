"""What all tables share: their metadata, and the types of their columns. Knows no table."""

from sqlalchemy import BigInteger, Integer, MetaData

metadata = MetaData()

# An INTEGER key is SQLite's own row id; only by that exact name. Everywhere else it must hold 64 bits.
ID = BigInteger().with_variant(Integer, "sqlite")
AMOUNT = BigInteger
TIME = BigInteger
