"""gpubot: a Slack bot that books GPUs."""
