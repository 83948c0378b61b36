# An nginx of one's own on a free loopback port, for scripts; source it.
#
#   nginx_start FOLDER ROOT [LOCATIONS]   serves ROOT; its config, logs and pid stay below FOLDER.
#                                         LOCATIONS: further lines for the server block.
#                                         Sets nginx_port and nginx_pid.
#   nginx_stop                            ends it, by its pid; harmless if it does not run
#
# Works as root and as an ordinary user. Its lines: 2 workers, sendfile, keep-alive, no access log.

nginx_pid=

nginx_binary() {
    command -v nginx || { [ -x /usr/sbin/nginx ] && echo /usr/sbin/nginx; }
}

# port_is_taken PORT: somebody listens on it (or it is in use otherwise)
port_is_taken() {
    grep -qi "^ *[0-9]*: [0-9A-F]*:$(printf %04X "$1") " /proc/net/tcp /proc/net/tcp6 2>/dev/null
}

# free_port: prints one. Whoever wants it has to take it at once, and to try again if it is gone.
free_port() {
    free_port_try=$((20000 + ($$ * 7 + $(date +%s)) % 12000))
    while port_is_taken "$free_port_try"; do free_port_try=$((free_port_try + 1)); done
    echo "$free_port_try"
}

nginx_config() { # folder, root, locations
    [ "$(id -u)" -eq 0 ] && echo "user root;"
    cat <<CONFIG
daemon off;
worker_processes 2;
pid $1/nginx.pid;
error_log $1/error.log warn;
events { worker_connections 2048; }
http {
    access_log off;
    sendfile on;
    tcp_nopush on;
    keepalive_requests 100000;
    reset_timedout_connection on;
    default_type application/octet-stream;
    client_body_temp_path $1/body;
    proxy_temp_path $1/proxy;
    fastcgi_temp_path $1/fastcgi;
    uwsgi_temp_path $1/uwsgi;
    scgi_temp_path $1/scgi;
    types {
        text/plain txt;
        application/jsonl jsonl;
        application/gzip gz;
        application/zip zip;
        image/jpeg jpg jpeg;
        image/png png;
        image/gif gif;
        image/bmp bmp;
        image/webp webp;
    }
    server {
        listen 127.0.0.1:$nginx_port;
        root $2;
        ${3:-}
    }
}
CONFIG
}

nginx_start() { # folder, root, locations
    nginx_folder=$1
    nginx_program=$(nginx_binary) || { echo "nginx is not installed" >&2; return 1; }
    for _ in 1 2 3 4 5; do
        nginx_port=$(free_port)
        nginx_config "$@" >"$nginx_folder/nginx.conf"
        "$nginx_program" -p "$nginx_folder" -e "$nginx_folder/error.log" -c "$nginx_folder/nginx.conf" &
        nginx_pid=$!
        # The pid file is written when the socket listens.
        for _ in $(seq 200); do
            [ -s "$nginx_folder/nginx.pid" ] && return 0
            kill -0 "$nginx_pid" 2>/dev/null || break
            sleep 0.02
        done
        nginx_stop
    done
    echo "nginx did not start:" >&2
    cat "$nginx_folder/error.log" >&2
    return 1
}

nginx_stop() {
    [ -n "$nginx_pid" ] || return 0
    kill -TERM "$nginx_pid" 2>/dev/null
    wait "$nginx_pid" 2>/dev/null
    nginx_pid=
}
