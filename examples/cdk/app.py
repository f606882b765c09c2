"""The CDK app: `cdk deploy`, with what `stache_stack.Options` takes as `-c NAME=VALUE`."""

from __future__ import annotations

from aws_cdk import App, Validations
from cdk_nag import AwsSolutionsChecks

from stache_stack import Options, StacheStack

app = App()
StacheStack(app, "Stache", Options.from_context(app.node))
Validations.of(app).add_plugins(AwsSolutionsChecks(app))
app.synth()
