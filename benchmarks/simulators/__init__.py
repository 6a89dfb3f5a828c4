"""What the simulation of a group is measured against."""
