"""Who may do what: IAM, Resource Manager and Service Usage."""
