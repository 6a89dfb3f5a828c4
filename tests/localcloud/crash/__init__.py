"""Whatever dies, at whatever moment: what was acknowledged is kept, who talked talks on, and nothing is left over."""
