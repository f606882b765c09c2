"""A stand-in for Terraform's provider hashicorp/aws, as far as our module needs it.

Terraform's core runs it like the genuine provider (plugin protocol 6 over gRPC). So the real core
checks and plans our module without a download, an account or a network:

    schemas/    the genuine schemas, one file for each type; each names its source
    rules.py    what the schemas lack: defaults, and the attributes that force a replacement
    checks.py   the genuine provider's validation before any call
    planning.py prior state + configuration → planned state
    s3vectors.py iam.py kms.py compute.py data_sources.py the calls of each type
    clients.py  clients, which connect to this machine only, never to AWS
    service.py  the protocol's methods; __main__.py the process

It runs in an environment of its own (`make test` sets it up) and imports none of our packages.
"""
