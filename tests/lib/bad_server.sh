# The misbehaving server and tool_fetch, for scripts; source it.
#
#   bad_server_start FOLDER [ARGUMENTS]   sets bad_port and bad_pid; files stay below FOLDER
#   bad_server_stop                       ends it; harmless if it does not run
#   both_clients "$0" "$@"                 runs the script for each value of fetch.client at the same time,
#                                         which fetch_list then uses, in $client
#   fetch_list FOLDER OPTIONS...          fetches FOLDER/list, outcomes to FOLDER/out sorted by number
#   expect N FILTER                       outcome N (from 0) of FOLDER/out must satisfy the jq filter

bad_pid=
failures=0

both_clients() { # script, its arguments: none at first, then the client
    if [ $# -eq 2 ]; then
        client=$2
    else
        said=$(mktemp) || exit 1
        sh "$1" libcurl >"$said" 2>&1 &
        sh "$1" own
        own_code=$?
        wait $!
        libcurl_code=$?
        sed 's/^/libcurl: /' "$said"
        rm -f "$said"
        [ "$own_code" -ne 0 ] && exit "$own_code"
        exit "$libcurl_code"
    fi
}

bad_server_start() {
    bad_folder=$1
    shift
    rm -f "$bad_folder/stdin" "$bad_folder/port"
    mkfifo "$bad_folder/stdin"
    python3 tests/lib/bad_server.py "$@" <"$bad_folder/stdin" >"$bad_folder/port" &
    bad_pid=$!
    exec 7>"$bad_folder/stdin"
    for _ in $(seq 500); do
        [ -s "$bad_folder/port" ] && break
        kill -0 "$bad_pid" 2>/dev/null || break
        sleep 0.02
    done
    bad_port=$(cat "$bad_folder/port")
    [ -n "$bad_port" ] || { echo "the server did not start" >&2; return 1; }
}

bad_server_stop() {
    [ -n "$bad_pid" ] || return 0
    exec 7>&-
    wait "$bad_pid" 2>/dev/null
    bad_pid=
}

fetch_list() { # folder, options of tool_fetch before LIST in $flags, fetch options
    fetch_folder=$1
    shift
    # shellcheck disable=SC2086
    "$GM_BUILD/tests/lib/tool_fetch" ${flags:-} "$fetch_folder/list" client="${client:-own}" \
        "$@" >"$fetch_folder/raw" 2>"$fetch_folder/err"
    fetch_code=$?
    expect_that "tool_fetch ends well: $(cat "$fetch_folder/err")" [ "$fetch_code" -eq 0 ]
    jq -c -s 'sort_by(.number) | .[]' "$fetch_folder/raw" >"$fetch_folder/out"
}

expect() { # number, filter
    line=$(sed -n "$(($1 + 1))p" "$fetch_folder/out")
    if [ -z "$line" ] || ! printf '%s\n' "$line" | jq -e "$2" >/dev/null 2>&1; then
        echo "FAILED: $(sed -n "$(($1 + 1))p" "$fetch_folder/list"): not $2 in"
        echo "        $line"
        failures=$((failures + 1))
    fi
}

expect_that() { # text, command...
    text=$1
    shift
    if ! "$@"; then
        echo "FAILED: $text"
        failures=$((failures + 1))
    fi
}
