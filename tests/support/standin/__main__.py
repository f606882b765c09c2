"""The provider's process, which Terraform starts: a gRPC server on a socket.

It follows https://github.com/hashicorp/go-plugin/blob/main/docs/guide-plugin-write-non-go.md.
"""

from __future__ import annotations

import base64
import json
import os
import signal
import sys
import tempfile
import threading
from collections.abc import Callable
from concurrent import futures
from datetime import datetime, timedelta, timezone
from typing import Any

import grpc
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from . import messages
from .service import METHODS, Service, make_method


def main() -> None:
    """Serve until Terraform asks to stop. Print the address for Terraform.

    With `--attached`, serve many runs of Terraform until the input ends. The caller passes the
    printed address to each run.
    """
    stopped = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopped.set())
    server = grpc.server(futures.ThreadPoolExecutor(max_workers=16))
    server.add_generic_rpc_handlers(_make_handlers(stopped.set))
    with tempfile.TemporaryDirectory(prefix="standin") as folder:
        attached = "--attached" in sys.argv
        serve, wait = (_attach, sys.stdin.read) if attached else (_start, stopped.wait)
        print(serve(server, f"{folder}/socket"), flush=True)  # noqa: T201 - the protocol
        wait()
        server.stop(0).wait()
    os._exit(0)  # does not wait for threads, because Terraform waits for this process


def _start(server: Any, address: str) -> str:
    certificate, key = _make_certificate()
    pem = certificate.public_bytes(serialization.Encoding.PEM)
    # No client certificate: gRPC's TLS does not support the curve of Terraform's
    credentials = grpc.ssl_server_credentials([(key, pem)], require_client_auth=False)
    server.add_secure_port(f"unix:{address}", credentials)
    server.start()
    der = base64.b64encode(certificate.public_bytes(serialization.Encoding.DER)).decode()
    return f"1|6|unix|{address}|grpc|{der.rstrip('=')}"


def _attach(server: Any, address: str) -> str:
    server.add_insecure_port(f"unix:{address}")
    server.start()
    reattach = {"Protocol": "grpc", "ProtocolVersion": 6, "Pid": os.getpid(), "Test": True}
    return json.dumps({**reattach, "Addr": {"Network": "unix", "String": address}})


def _make_handlers(stop: Callable[[], None]) -> tuple[Any, ...]:
    service = Service()
    provider = {
        name: _make_handler(
            make_method(getattr(service, method), getattr(messages, response)), request
        )
        for name, (method, request, response) in METHODS.items()
    }

    def shut_down(_: Any, __: Any) -> Any:
        stop()
        return messages.Empty()

    # An empty stream: an open one would occupy a thread
    output = grpc.unary_stream_rpc_method_handler(lambda *_: iter(()))
    make_handler = grpc.method_handlers_generic_handler
    return (
        make_handler("tfplugin6.Provider", provider),
        make_handler("plugin.GRPCController", {"Shutdown": _make_handler(shut_down, "Empty")}),
        make_handler("plugin.GRPCStdio", {"StreamStdio": output}),
    )


def _make_handler(method: Callable[[Any, Any], Any], request: str) -> Any:
    return grpc.unary_unary_rpc_method_handler(
        method,
        request_deserializer=getattr(messages, request).FromString,
        response_serializer=lambda response: response.SerializeToString(),
    )


def _make_certificate() -> tuple[x509.Certificate, bytes]:
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(timezone.utc)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    builder = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=5))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    encoding = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    return builder, key.private_bytes(*encoding, serialization.NoEncryption())


if __name__ == "__main__":
    main()
