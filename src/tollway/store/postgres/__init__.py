"""PostgreSQL as Tollway uses it. Nothing here is imported, and no driver either, unless the store's URL asks for it."""
