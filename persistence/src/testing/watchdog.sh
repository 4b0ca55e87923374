# Runs a PostgreSQL server for as long as its parent lives.
#   $1 the server's data directory   $2 a directory to remove if the parent dies   $3.. the server's command
# A line on standard input is the signal to end the server with; the end of input is the parent's death.
# Signals for the whole terminal (ctrl-c) are the parent's business.
trap '' INT TERM HUP
data=$1
remove=$2
shift 2
"$@" </dev/null &
child=$!
if read -r signal; then
    remove=
else
    signal=QUIT
fi
# Over and over, since a server that is just starting ignores signals.
while :; do
    # The server's own process: the child may be a program that changes the user.
    server=$(head -n 1 "$data/postmaster.pid" 2>/dev/null || echo "$child")
    kill -s CONT "$server"
    kill -s "$signal" "$server"
    sleep 0.2
done 2>/dev/null &
reminder=$!
wait "$child"
kill -s KILL "$reminder"
if [ -n "$remove" ]; then rm -rf "$remove"; fi
