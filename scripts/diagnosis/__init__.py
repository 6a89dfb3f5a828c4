"""What is wrong with a deployed stack, and what mends it: facts gathered over REST, findings drawn from them alone."""
