# What Tollway uses of pg8000, which has no types of its own.
