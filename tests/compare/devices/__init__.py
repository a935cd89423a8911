"""The tables: one module for each family, each with DEVICES."""
from . import acpi, ahci, atapi, cirrus, ide, input, isa, pci, rtl8139, scsi, serial, vga

ALL = {device.name: device
       for family in (pci, ide, atapi, ahci, acpi, isa, input, scsi, serial, vga, cirrus, rtl8139) for device in family.DEVICES}
