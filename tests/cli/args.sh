#!/bin/sh
# The command line: exit codes, hints, help, closed and full descriptors, what is printed where.
set -u
cd "$(dirname "$0")/config" || exit 1
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
bad=0

# expect CODE OUT-PATTERN ERR-PATTERN ARGS...: extended patterns, "" = nothing may be there
expect() {
    code=$1 out=$2 err=$3
    shift 3
    "$GRISTMILL" "$@" >"$work/out" 2>"$work/err" </dev/null
    got=$?
    wrong=
    [ "$got" -eq "$code" ] || wrong="exit code $got instead of $code"
    match "$work/out" "$out" || wrong="$wrong; standard output is not like '$out'"
    match "$work/err" "$err" || wrong="$wrong; standard error is not like '$err'"
    [ -z "$wrong" ] && return
    echo "gristmill $*: ${wrong#; }"
    sed 's/^/    out | /' "$work/out"
    sed 's/^/    err | /' "$work/err"
    bad=1
}

match() {
    if [ -z "$2" ]; then [ ! -s "$1" ]; else grep -Eq -e "$2" "$1"; fi
}

good="--set source.urls=urls.txt"
printf 'source:\n  - urls: urls.txt\ntext:\n  - stats\n' >"$work/good.yaml"
ok=$work/good.yaml

# No command, wrong command
expect 64 '' 'usage: gristmill COMMAND'
expect 0 'usage: gristmill COMMAND' '' --help
expect 0 'usage: gristmill COMMAND' '' help
expect 0 '^gristmill [0-9]+\.[0-9]+' '' --version
expect 0 '^gristmill [0-9]+\.[0-9]+' '' run --version
expect 0 'usage: gristmill check ' '' check --help
expect 0 'usage: gristmill check ' '' help check
expect 64 '' 'no command "chekc"; did you mean "check"\?' chekc
expect 64 '' 'to run the job: gristmill run job.yaml' job.yaml
expect 64 '' 'no command "x"' help x

# Options
expect 64 '' 'unknown option --memry; did you mean --memory\?' run --memry 1GB
expect 64 '' 'unknown option --zzzzzzzz; "gristmill help run" lists' run --zzzzzzzz
expect 64 '' 'unknown option -z' run -z
expect 64 '' '--set needs a value' check "$ok" --set
expect 64 '' '-o needs a value' run "$ok" -o
expect 64 '' '--progress: expected one of auto\|plain\|json\|none, not "ato"; did you mean "auto"' \
    run "$ok" --progress ato
expect 64 '' '--quiet: .*true or false' check "$ok" --quiet=perhaps
expect 64 '' 'expected JOB.yaml' check
expect 64 '' '"b" is too much' check "$ok" b
expect 66 '' 'No such file' check not-there.yaml

# The same option in all its forms
for form in '-o there' '-othere' '--out there' '--out=there' '--set out=there'; do
    # shellcheck disable=SC2086
    expect 0 '^out +there$' '' check $form "$ok"
done
expect 64 '' '"-o" is too much' check -- "$ok" -o
expect 0 '"memory_bytes":1073741824' '' check "$ok" --json --memory 1GB
expect 78 '' 'memory: expected a size' check "$ok" --memory 12XB
expect 78 '' '^--set: ' check "$ok" --memory 12XB
# shellcheck disable=SC2086
expect 0 '^job +good' '' run --dry-run $good "$ok"

# The short commands say what they stand for, and what they stand for is right
expect 0 '^out: pages$' '' fetch urls.txt -o pages --dry-run
expect 0 '^  connections: 3$' '' fetch urls.txt -o pages --connections 3 --dry-run
expect 78 '' 'fetch.connections' fetch urls.txt --connections 0 --dry-run
expect 64 '' 'is a URL, and a list of URLs is expected' fetch http://127.0.0.1/
expect 66 '' 'not-there' gray not-there --dry-run
expect 0 '^      mode: luma$' '' gray urls.txt --dry-run --mode luma
"$GRISTMILL" gray urls.txt --dry-run >"$work/job.yaml" && expect 0 ' gray --> records' '' check "$work/job.yaml"
for form in --features --dups --histogram --hashes=false '--set image.features.histogram=true'; do
    # shellcheck disable=SC2086
    "$GRISTMILL" gray urls.txt --dry-run $form >"$work/job.yaml"
    expect 0 'gray > features' '' check "$work/job.yaml"
done

# Listings
expect 0 'text.stats' '' stages
expect 0 'form: one of none\|nfc\|nfkc' '' stages normalize
expect 0 'form: one of' '' stages text.normalize
expect 0 'connections: whole number' '' stages fetch
expect 64 '' 'did you mean "stats"' stages stat
expect 64 '' 'expected bash, zsh or fish' completion tcsh
expect 66 '' 'No such file' status not-there
expect 65 '' 'not a run folder' status .

# Full and closed descriptors
"$GRISTMILL" stages >/dev/full 2>"$work/err"
[ $? -eq 74 ] && grep -q 'standard output: No space' "$work/err" || { echo "/dev/full is not told"; bad=1; }
"$GRISTMILL" help --man 2>"$work/err" | head -n 1 >/dev/null
[ -s "$work/err" ] && { echo "a reader that has had enough is no error:"; cat "$work/err"; bad=1; }
"$GRISTMILL" stages >&- 2>"$work/err"
[ $? -eq 74 ] || { echo "a closed standard output is not told"; bad=1; }
"$GRISTMILL" chekc 2>&- >"$work/out"
[ $? -eq 64 ] || { echo "a closed standard error changes the exit code"; bad=1; }

# JSON stays JSON
expect 64 '' '^\{"time".*unknown option' run --json --nonsense x
if command -v jq >/dev/null; then
    "$GRISTMILL" stages --json | jq -es 'all(.name and .options)' >/dev/null || { echo "stages --json"; bad=1; }
    "$GRISTMILL" check --json "$ok" | jq -e '.routes[0].stages == ["extract","utf8","stats"]' >/dev/null ||
        { echo "check --json"; bad=1; }
fi
exit "$bad"
