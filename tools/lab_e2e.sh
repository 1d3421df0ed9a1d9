#!/usr/bin/env bash
# The cluster's tests on a cluster of their own, made by ../shared/lab: programs and base images when they are
# missing, the cluster, our images, `make e2e`, and the end of the cluster. Arguments go to pytest; with FULL=1 it is
# `make e2e-full`.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
LAB=../shared/lab/lab
export LAB_HOME=${LAB_HOME:-$HOME/.cache/windrow-lab}
TAG=e2e
FULL=${FULL:-}
export WINDROW_E2E_IMAGE=windrow:$TAG
times=()

# step NAME COMMAND...: runs it and keeps its time.
step() {
  local name=$1 began=$SECONDS
  shift
  printf -- '--- %s\n' "$name"
  "$@" || { echo "$name failed"; exit 1; }
  times+=("$(printf '%-16s %5d s' "$name" $((SECONDS - began)))")
}

have() { local part; for part in "$@"; do [ -e "$LAB_HOME/$part" ] || return 1; done; }

# What a build says is for whoever looks for its error.
quietly() {
  local log=build/$1.log
  shift
  mkdir -p build
  "$@" >"$log" 2>&1 || { tail -40 "$log"; return 1; }
}

packages() {
  local program
  for program in containerd runc buildah iptables openssl debootstrap; do
    PATH="$PATH:/usr/sbin:/sbin" command -v "$program" >/dev/null || { quietly lab-packages "$LAB" packages; return; }
  done
}

images() {
  local name
  quietly images make --no-print-directory e2e-images TAG=$TAG FULL="$FULL" BUILD=tools/lab_build.sh || return
  for name in windrow:$TAG{,-next} windrow-tools:$TAG windrow-e2e:$TAG{,-next} ${FULL:+windrow-e2e-rabbitmq:$TAG}; do
    "$LAB" image load "$name" || return
  done
}

owned=
finish() {
  local status=$?
  [ -z "$owned" ] || { "$LAB" down; echo 'the cluster is down'; }
  printf '\n'
  printf '%s\n' "${times[@]}"
  exit $status
}
trap finish EXIT

step 'lab packages' packages
have bin/kubernetes bin/keda-operator bin/keda-adapter bin/keda-webhooks bin/coredns bin/pause bin/helm keda.yaml ||
  step 'lab build' quietly lab-build "$LAB" build kubernetes base keda
have images/docker.io_library_{python_3.11-slim-bookworm,postgres_15-bookworm,redis_7-bookworm}.tar ||
  step 'lab base' quietly lab-base "$LAB" base
"$LAB" status >/dev/null 2>&1 || owned=1 # one that is up already is somebody's, and stays
step 'lab up' "$LAB" up
step 'images' images
step "make e2e${FULL:+-full}" env KUBECONFIG="$LAB_HOME/kubeconfig" PATH="$LAB_HOME/bin:$PATH" \
  make --no-print-directory "e2e${FULL:+-full}" ARGS="$*"
