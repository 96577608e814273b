"""The floor of a call: grpc.aio on uvloop over mTLS, bytes in and bytes out, nothing else.

`python -m tests.bench.echo CA CERT KEY REPLY_SIZE` prints its port and serves until it is ended.
"""

import sys
from pathlib import Path

import grpc
import uvloop

METHOD = "/bench.Echo/Echo"


async def _serve(ca: bytes, certificate: bytes, key: bytes, size: int) -> None:
    reply = bytes(size)

    async def echo(_request: bytes, _context: grpc.aio.ServicerContext[bytes, bytes]) -> bytes:
        return reply

    handler = grpc.method_handlers_generic_handler("bench.Echo", {"Echo": grpc.unary_unary_rpc_method_handler(echo)})
    server = grpc.aio.server()
    server.add_generic_rpc_handlers((handler,))
    credentials = grpc.ssl_server_credentials([(key, certificate)], ca, require_client_auth=True)
    port = server.add_secure_port("127.0.0.1:0", credentials)
    await server.start()
    print(port, flush=True)
    await server.wait_for_termination()


if __name__ == "__main__":
    files = [Path(name).read_bytes() for name in sys.argv[1:4]]
    uvloop.run(_serve(files[0], files[1], files[2], int(sys.argv[4])))
