"""From a source of images to a bank of pixels and three index arrays."""
