"""Google's REST APIs as this architecture meets them, over the cloud's store. `app.create_app` makes it.

A request comes in through the `gateway`, which finds its method in Google's discovery documents, checks who asks and whether the
request is well-formed, and calls the method's handler: `compute/`, `storage/`, `iam/`.
"""
