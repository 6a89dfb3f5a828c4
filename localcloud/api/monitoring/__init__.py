"""Cloud Monitoring, as far as it is kept: alert policies, notification channels and dashboards. Nothing evaluates them."""
