"""What the infrastructure's tests share."""

from __future__ import annotations

import os
import sys
from pathlib import Path

# The CDK runs in Node; the machine's own may be too old, or not there
os.environ["JSII_NODE"] = str(Path(sys.executable).with_name("node"))
