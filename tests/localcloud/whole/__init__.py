"""The API and the controllers together, as a client meets them: real requests, real decisions, simulated machines, virtual time."""
