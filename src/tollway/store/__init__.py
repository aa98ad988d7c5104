"""SQL, and nothing else: tables, migrations, ledger, keys, exchanges."""
