"""What is done with a whole inventory: plan, up, status and the rest, each as one function the CLI calls."""
