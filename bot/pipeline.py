"""`gpubot book`: booking from a pipeline, over the HTTP API."""
