"""Ice charts: SIGRID-3 polygons to sea-ice concentration on a scene's grid."""
