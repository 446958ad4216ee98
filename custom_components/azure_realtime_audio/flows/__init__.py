"""How an entry and an assistant come to be."""
