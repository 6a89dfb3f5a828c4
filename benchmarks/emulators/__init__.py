"""The emulators that are measured side by side: how each is started, and what the same work is called by each.

The work is that of an instance's description: what `instanceTemplates` are here, `LaunchTemplates` in moto's EC2, and `instances` in
gcplocal, which has no templates and starts nothing either when one is inserted. All three get the same description.
"""
