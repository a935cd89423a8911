"""The lab's library: builds, runs and drives a Xen host inside an emulated machine."""
