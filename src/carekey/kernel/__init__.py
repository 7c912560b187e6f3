"""The vocabulary that every slice shares. Imports the standard library only."""
