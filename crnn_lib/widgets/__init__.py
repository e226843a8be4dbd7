"""Widgets that draw, read and explain an image: one JavaScript module for live notebooks and for static pages."""
