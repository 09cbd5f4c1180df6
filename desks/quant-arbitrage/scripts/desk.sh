# Which python, which desk and which logs the scripts mean. Read by them, not run.
# QUARTERDECK_DESK names a desk's folder; without it the desk is the one that the scripts lie in.
HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
export QUARTERDECK_DESK=${QUARTERDECK_DESK:-$HERE}
cd "$HERE" || exit 2
if ! python3 -c "import quarterdeck" 2>/dev/null; then
    if [ -x ../../.venv/bin/python3 ]; then
        PATH=$(cd ../../.venv/bin && pwd):$PATH
    else
        echo "quarterdeck is not installed for $(command -v python3): activate its .venv first" >&2
        exit 2
    fi
fi
LOGS=$QUARTERDECK_DESK/logs
REPORTS=$QUARTERDECK_DESK/reports
API=${QUARTERDECK_API:-http://localhost:3001}
