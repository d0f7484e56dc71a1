# The guest of the scenario `guardian`: the host gives it its commands by the agent.

. ./agent.sh
start_agent
sleep infinity
