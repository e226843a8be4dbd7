"""A small CRNN for reading text in images: every chapter of the book explains one of these modules."""

__version__ = "2.0.0"
