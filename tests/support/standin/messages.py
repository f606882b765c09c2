"""The classes of `messages.proto`. The set-up of this environment compiles it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from google.protobuf import descriptor_pb2, message_factory

_COMPILED = Path(sys.prefix) / "messages.pb"
_FILES = descriptor_pb2.FileDescriptorSet.FromString(_COMPILED.read_bytes())
_CLASSES = message_factory.GetMessages(_FILES.file)


def __getattr__(name: str) -> Any:
    try:
        return _CLASSES[f"standin.{name}"]
    except KeyError:
        raise AttributeError(name) from None
