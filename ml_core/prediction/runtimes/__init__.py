"""What computes a network's forward pass: PyTorch, OpenVINO."""
