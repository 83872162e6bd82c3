"""The networks: building blocks, one file per network; arrays in, arrays out."""
