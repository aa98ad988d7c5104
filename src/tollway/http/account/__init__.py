"""The accounts' API: what the services' users ask beside the models, with a key of their own. Built on FastAPI, like the admin API."""
