"""gpubot in Slack: what people type and press, what they read, and how it gets there."""
