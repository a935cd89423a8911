"""The tables: one module for each family, each with DEVICES."""
from . import acpi, ahci, atapi, cirrus, e1000, ide, input, isa, pci, scsi, serial, usb, vga

ALL = {device.name: device
       for family in (pci, ide, atapi, ahci, acpi, isa, input, scsi, serial, usb, vga, cirrus, e1000) for device in family.DEVICES}
