"""The tables: one module for each family, each with DEVICES."""
from . import acpi, ide, input, isa, pci, serial, vga

ALL = {device.name: device for family in (pci, ide, acpi, isa, input, serial, vga) for device in family.DEVICES}
