"""What a network learns from: scene data, training sets, split, sampler, normalisation."""
