"""A small CRNN for reading text in images: every chapter of the book owns one of these modules."""
