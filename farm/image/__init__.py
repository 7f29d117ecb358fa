"""From a reference to an unpacked root filesystem in the store."""
