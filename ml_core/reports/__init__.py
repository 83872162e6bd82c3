"""Reports: self-contained HTML pages, their tables and figures."""
