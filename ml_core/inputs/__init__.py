"""What comes from outside: Sentinel-1 products, SIC products, ice charts, simulations."""
