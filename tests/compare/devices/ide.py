"""PIIX3 IDE."""
DEVICES = []
