"""Families of networks, a file each; importing one registers its networks."""
