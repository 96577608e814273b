#!/bin/sh
# Generates the contract's code anew and fails on any difference from what is committed.
set -eu
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
python -m grpc_tools.protoc -Iproto --plugin=protoc-gen-mypy_grpc="$(command -v protoc-gen-mypy_grpc)" \
  --python_out="$out" --pyi_out="$out" --grpc_python_out="$out" --mypy_grpc_out="$out" proto/hutong/v1/*.proto
status=0
for made in "$out"/hutong/v1/*; do
  cmp -s "$made" "proto/hutong/v1/$(basename "$made")" || { echo "drift: proto/hutong/v1/$(basename "$made") (run make proto)"; status=1; }
done
for kept in proto/hutong/v1/*_pb2*; do
  [ -e "$out/hutong/v1/$(basename "$kept")" ] || { echo "left over: $kept"; status=1; }
done
[ $status -eq 0 ] && echo "generated code is up to date"
exit $status
