"""Around the library: the command line, data sets from elsewhere, export, cross-validation and audit, figures."""
