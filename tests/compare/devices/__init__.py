"""The tables: one module for each family, each with DEVICES."""
from . import acpi, ahci, atapi, cirrus, ide, input, isa, pci, scsi, serial, vga

ALL = {device.name: device
       for family in (pci, ide, atapi, ahci, acpi, isa, input, scsi, serial, vga, cirrus) for device in family.DEVICES}
