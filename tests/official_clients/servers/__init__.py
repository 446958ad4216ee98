"""Our client and other people's servers. Runs where Home Assistant is: see script/test."""
