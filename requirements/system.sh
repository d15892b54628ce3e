#!/usr/bin/env bash
# Installs the system's packages that are missing, as root on Debian or Ubuntu; otherwise says in one line which.
set -euo pipefail

needed=() wished=()
have() { command -v "$1" >/dev/null 2>&1; }
have iverilog && have vvp || needed+=(iverilog)
have g++ || needed+=(g++)
have make || needed+=(make)
have perl || needed+=(perl)
# The osu018 library and the old OpenSTA serve one library and some cross-checks; all else works without them.
[ -e /usr/share/qflow/tech/osu018/osu018_stdcells.lib ] || wished+=(qflow-tech-osu018)
have sta || wished+=(opensta)
# The tests look at HTML reports in a browser (96 MB to fetch; Ubuntu has none as a package); outside CI they skip without.
if grep -qs '^ID=debian' /etc/os-release; then
  have chromium-headless-shell || have chromium || have google-chrome || wished+=(chromium-headless-shell)
fi

missing=("${needed[@]}" "${wished[@]}")
[ "${#missing[@]}" -gt 0 ] || exit 0

if [ "$(id -u)" = 0 ] && have apt-get; then
  echo "Installing system packages: ${missing[*]}"
  export DEBIAN_FRONTEND=noninteractive
  apt-get update -qq
  # What is only wished for and unknown to this release must not keep the rest away.
  found=("${needed[@]}")
  for package in "${wished[@]}"; do apt-cache show "$package" >/dev/null 2>&1 && found+=("$package"); done
  apt-get install -y -qq --no-install-recommends "${found[@]}" >/dev/null
elif [ "${#needed[@]}" -gt 0 ]; then
  echo "Missing system packages; install them and run make again: sudo apt-get install ${missing[*]}" >&2
  exit 2
else
  echo "Optional system packages are missing (the osu018 library, timing cross-checks, reports seen in a browser): sudo apt-get install ${missing[*]}"
fi
