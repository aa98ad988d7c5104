"""The admin API: what the operator's commands do, over HTTP."""
