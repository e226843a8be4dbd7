"""Probes of the chapters: one question each, asked of a model."""
