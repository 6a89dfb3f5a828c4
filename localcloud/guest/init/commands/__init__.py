"""The commands of an instance that talk to its init: systemctl, journalctl, systemd-run, the power commands, sudo."""
