"""Use cases of money: credit, grant, hold, settle, statement."""
