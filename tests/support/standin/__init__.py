"""A stand-in for Terraform's provider hashicorp/aws, as far as our modules need it.

Terraform's core runs it as it runs the genuine one (plugin protocol 6 over gRPC), so tests get
the core's own judgment of a module without a download, an account or a network:

    schemas/    the genuine schemas, one file a type, with where each is from
    rules.py    what a schema does not tell: what forces a replacement, defaults
    checks.py   what the genuine provider refuses before any call
    planning.py prior state + configuration → planned state
    s3vectors.py iam.py kms.py compute.py data.py   the calls of each type
    clients.py  the only way to a client: to this machine, never to AWS
    service.py  the protocol's methods; __main__.py the process

It runs in an environment of its own (`make test` sets it up) and imports nothing of ours.
"""
