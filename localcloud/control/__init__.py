"""The controllers: what turns the documents that the API stored into running instances, verdicts and traffic.

Every decision is a pure function of what is wanted, what is observed and the time; a level-triggered loop (`loop.Controllers`)
reads, decides, acts boundedly and always writes the status. The same code runs live, at speed and in simulation.
"""
