#!/usr/bin/env bash
# Makes the virtual environment $2 with the interpreter $1, or says in one line what is missing.
set -euo pipefail
python=$1 venv=$2

"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null ||
  { echo "$python is missing or older than Python 3.11; name another: make PYTHON=python3.12 ..." >&2; exit 2; }

if ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
  if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends python3-venv >/dev/null
  else
    echo "Python's venv module is missing; install it and run make again: sudo apt-get install python3-venv" >&2
    exit 2
  fi
fi
"$python" -m venv "$venv"
