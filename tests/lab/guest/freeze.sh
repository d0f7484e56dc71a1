# The guest of the scenario `freeze-hook`: the agent with our hook, and the program that it prepares. $1: the shim

. ./agent.sh
mkdir /run/vmfork-quiesce
VMFORK_QUIESCE_TRIES=100
export VMFORK_QUIESCE_TRIES
start_agent /usr/local/lib/vmfork/freeze-hook
exec deno run --quiet -A freeze.js "$1"
