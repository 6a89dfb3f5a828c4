"""What the doctor finds, from facts alone."""
