"""What is drawn: look-alike CAPTCHAs, the letters that they are made of, pen strokes, and damage to a picture."""
