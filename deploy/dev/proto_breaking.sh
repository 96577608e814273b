#!/bin/sh
# Compares the contract with that of the last tag. Without a tag there is nothing to break yet, and it says so.
set -eu
tag=$(git describe --tags --abbrev=0 --match 'v*' 2>/dev/null || true)
if [ -z "$tag" ]; then
  echo "no release tag yet: nothing to compare the contract with"
  exit 0
fi
old=$(mktemp -d)
trap 'rm -rf "$old"' EXIT
git archive "$tag" proto buf.yaml | tar -x -C "$old"
buf breaking --against "$old"
echo "the contract breaks nothing of $tag"
