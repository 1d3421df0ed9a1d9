#!/usr/bin/env bash
# `docker build`'s words for the lab's builder: flags, `-t NAME`, and the folder last.
set -euo pipefail
flags=() name=
while [ $# -gt 1 ]; do
  if [ "$1" = -t ]; then name=$2; else flags+=("$1" "$2"); fi
  shift 2
done
exec "$(dirname "${BASH_SOURCE[0]}")/../../shared/lab/lab" image build "$1" -t "$name" "${flags[@]}"
