"""The controllers: what turns the documents that the API stored into running instances, verdicts and traffic.

Every decision is a pure function of what is wanted, what is observed and the time; a level-triggered loop (`loop.Controllers`)
reads, decides, acts boundedly and always writes the status. The same code runs live, at speed and in simulation.

The story they tell (`Store.events`; data fields in brackets, all times cloud times):

- ``instance.created`` [zone, id, address, template, action], ``instance.running`` [took], ``instance.cut_off``: Google's APIs do not
  answer it; ``instance.ready`` [running_at]: the group's check says HEALTHY; ``instance.deleting`` [reason], ``instance.deleted`` [took],
  ``instance.stopped``, ``instance.exited``, ``instance.restarted``, ``instance.reset``, ``instance.refresh``, ``instance.restart``,
  ``instance.abandoned``, ``instance.failed`` [code, retry_at], ``machine.failed`` [retry_in];
- ``health.autohealing``, ``health.balancer`` [from, to, check, consecutive, detection, first_sent_at, last_sent_at, ended_at, interval,
  timeout, outcome, detail, forwardingRule]: a verdict changed; detection is from the first probe of the streak sent to the last one ended;
- ``autohealing.recreate``, ``instance.repair``, ``instance.recreate`` [reason, health, health_since, running_at, old_id, check, repairs];
- ``balancer.added``, ``balancer.removed`` [forwardingRule, address, eligible, lastResort, reason]: in force in the data plane;
  ``balancer.last_resort``;
- ``autoscaler.resize`` [from, to, recommended, utilisation, reason], ``group.stable`` [size], ``group.deleted``, ``request.VERB`` [target],
  ``controller.error`` [key, kind, retry_in].
"""
