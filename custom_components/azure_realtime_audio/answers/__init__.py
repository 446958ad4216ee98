"""An answer in rounds of tools, and where it goes."""
