"""The small model that comes with Tollway, in a process of its own: knows no store, no dialect and no HTTP client."""
