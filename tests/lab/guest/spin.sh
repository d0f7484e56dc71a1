# Waits for a fork in the smallest program there is, and sends what that drew. `systemctl stop spin` ends it.

cd /lab
. ./agent.sh
./spinner >/tmp/draws 2>/dev/console
send_file draws /tmp/draws
