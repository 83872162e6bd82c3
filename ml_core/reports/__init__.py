"""Reports for an analyst: HTML, tables and figures."""
