"""Which targets a request may go to, in which order. Pure."""
