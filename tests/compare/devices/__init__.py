"""The tables: one module for each family, each with DEVICES."""
from . import acpi, ahci, atapi, cirrus, e1000, floppy, hda, ide, input, isa, ne2k_pci, pci, pcnet, rtl8139, scsi, serial, sound, usb, vga

ALL = {device.name: device
       for family in (pci, ide, atapi, ahci, acpi, isa, input, scsi, serial, usb, vga, cirrus, rtl8139, e1000, ne2k_pci, pcnet, floppy, hda, sound) for device in family.DEVICES}
