"""What gpubot answers over HTTP."""
