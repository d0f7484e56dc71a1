# Waits for a fork in the smallest program there is, and sends what that drew, and what comes 0.2 s later, each read
# a draw of its own as there. `systemctl stop spin` ends it.

cd /lab
. ./agent.sh
./spinner >/tmp/draws 2>/dev/console
sleep 0.2
dd if=/dev/urandom of=/tmp/later bs=16 count=1000 2>/dev/null
send_file draws /tmp/draws
send_file later /tmp/later
