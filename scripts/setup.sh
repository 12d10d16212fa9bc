#!/bin/sh
# Create .venv at the root of the project, or see quickly that it is there already.
#
#   scripts/setup.sh [EXTRA]... [FILE.txt]...
#
# EXTRA is one of pyproject.toml; FILE.txt lists packages to install without what they depend on,
# or, as sdists.txt, source packages to fetch and leave as they are.
# PYTHON=/path/to/python3 chooses the interpreter, CUDA=1 takes torch with CUDA. Exit 2, with a
# sentence, when the machine or the network lacks something.
set -eu
cd "$(dirname "$0")/.."
python=${PYTHON:-python3}

fail() {
  echo "setup: $*" >&2
  exit 2
}

command -v "$python" >/dev/null 2>&1 ||
  fail "$python is missing; install Python 3.11 or newer (Debian: python3 python3-venv), or say PYTHON=/path/to/python3"
for tool in g++ make; do
  command -v "$tool" >/dev/null 2>&1 || fail "$tool is missing; install it (Debian: $tool)"
done

# A stamp says what was asked for and what it was made from; it is written last, so a set-up that
# was cut short, a moved project or another pyproject.toml is never taken as ready.
stamp=.venv/.ready-$(echo "${*:-base}" | tr ' /' '-_')
wanted="$PWD $(cat pyproject.toml traces/models*.txt traces/sdists.txt | cksum)"
stamps=$stamp
[ $# -gt 0 ] || stamps='.venv/.ready-*' # whatever else was asked for, the base came with it
if [ -x .venv/bin/python ] && grep -qxF "$wanted" $stamps 2>/dev/null; then
  exit 0
fi

"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
  fail "$("$python" --version 2>&1) is too old; use Python 3.11 or newer, or say PYTHON=/path/to/python3"
gxx=$(g++ -dumpversion)
[ "${gxx%%.*}" -ge 10 ] || fail "g++ $gxx is too old; install g++ 10 or newer"
"$python" -c 'import ensurepip, venv' 2>/dev/null ||
  fail "$python cannot make virtual environments; install its venv module (Debian: python3-venv)"

if ! .venv/bin/python -m pip --version >/dev/null 2>&1; then
  "$python" -m venv --clear .venv || fail "$python could not create .venv; see above"
fi

run_pip() {
  verb=$1
  shift
  .venv/bin/python -m pip "$verb" --quiet --disable-pip-version-check "$@" ||
    fail "pip could not $verb the packages; see above, check the network, and try again"
}

# Of torch the CPU build will do; many an index has for Linux only one that brings CUDA.
cpu_torch() {
  torch=$(sed -n 's/.*"\(torch==[^"]*\)".*/\1/p' pyproject.toml)
  if [ "$(uname -s)" != Linux ] || [ "${CUDA:-}" ] ||
    .venv/bin/python -c 'import importlib.metadata as m; print("torch=="+m.version("torch"))' \
      2>/dev/null | grep -q "^$torch"; then
    return
  fi
  .venv/bin/python -m pip install --quiet --disable-pip-version-check "$torch+cpu" 2>/dev/null ||
    echo "setup: pip finds no $torch+cpu, the build without CUDA; the one that follows may bring" \
      "gigabytes of it (PIP_EXTRA_INDEX_URL can name PyTorch's own index of CPU builds)" >&2
}

echo "setup: installing ${*:-the base} into .venv (once; it takes a minute or two)"
rm -f "$stamp"
extras=
for word in "$@"; do
  case $word in
    *sdists.txt) run_pip download --no-deps --dest .venv/share/softmax-cosim -r "$word" ;;
    *.txt) run_pip install --no-deps --ignore-requires-python -r "$word" ;;
    *) extras=${extras:+$extras,}$word ;;
  esac
  [ "$word" != torch ] || cpu_torch
done
run_pip install --no-warn-conflicts -e ".${extras:+[$extras]}"
# What goes without its dependencies lacks them, and must; anybody else's are missed.
alone=$(sed -n 's/^\([A-Za-z0-9._-]*\)==.*/^\1 /p' traces/models*.txt)
.venv/bin/python -m pip check | grep -vi -e "$alone" -e '^No broken requirements' >&2 || true
echo "$wanted" >"$stamp"
