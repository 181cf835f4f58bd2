"""What messages, modals and the App Home look like."""
