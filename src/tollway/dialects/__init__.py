"""Wire formats, one folder each; none knows a provider, the catalog or another dialect."""
