"""The command line. Nothing but the `hutong` program imports this package."""

import os

# Read when gRPC is loaded, so it is set before that: gRPC's log lines would stand between the program's own, and what
# they say is in the error.
os.environ.setdefault("GRPC_VERBOSITY", "NONE")
