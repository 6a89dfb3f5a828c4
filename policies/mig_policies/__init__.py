"""Rules for a managed instance group behind an external passthrough network load balancer.

`pack.policies()` turns the catalogue into Pulumi policies; everything below it is plain Python over plain values,
so that a rule can be read, tested and reasoned about without an engine.
"""
