#!/bin/bash
# The morning checklist. Exit 0: every step was looked at and nothing is wrong; 1: something is, or could not be seen.
source "$(dirname "$0")/desk.sh"
wrong=0

echo "Daily Startup Checklist"
echo "======================="

echo "1. Checking system status..."
curl -fsS --max-time 5 "$API/api/health" && echo ||
    { echo "no ops plane answers at $API: start it with \`quarterdeck ops\`, or name it in QUARTERDECK_API"; wrong=1; }

echo "2. Verifying the breaker and the wallet..."
python3 << PYTHON || wrong=1
import sys
from circuit_breaker import get_circuit_breaker
from pnl_accounting import get_accounting
status = get_circuit_breaker().get_status()
print(f"Circuit Breaker: {status['circuit_open']}")
print(f"Emergency Shutdown: {status['emergency_shutdown']}")
for sentence in status["holding_back"]:
    print(f"Holding back: {sentence}")
found = get_accounting().reconcile()
for currency, purse in found["purses"].items():
    print(f"{currency}: {purse['chain']} on the chain, {purse['ledger']} in the ledger")
sys.exit(not status["running"] or not found["reconciled"])
PYTHON

echo "3. Reviewing recent trades..."
python3 << PYTHON || wrong=1
from pnl_accounting import get_accounting
summary = get_accounting().get_pnl_summary("today")
print(f"Today's P&L: \${summary['net_profit_usd']}")
print(f"Success Rate: {summary['success_rate']}")
PYTHON

echo "4. Checking liquidity providers..."
python3 << PYTHON || wrong=1
import sys
from liquidity_provider_failover import get_failover
status = get_failover().get_provider_status()
for name, info in status.items():
    print(f"{name}: {info['status']} - Success: {info['success_rate']}")
sys.exit(not any(info["status"] in ("healthy", "degraded") for info in status.values()))
PYTHON

echo "5. Current gas prices..."
python3 << PYTHON || wrong=1
import sys
from liquidity_provider_failover import get_failover
shown = get_failover().shown()
if shown is None:
    sys.exit("the desk has not followed a chain yet")
price, base = (int(wei) / 1e9 for wei in (shown.gas_price_wei, shown.base_fee_wei))
print(f"{price:.2f} gwei at most, base fee {base:.2f} gwei (block {shown.block})")
PYTHON

echo "6. Checking for errors in logs..."
if [ -f "$LOGS/system.log" ]; then
    tail -n 100 "$LOGS/system.log" | grep -i error | tail -n 10
else
    echo "there is no $LOGS/system.log: the desk has never run"
    wrong=1
fi

echo
if [ $wrong = 0 ]; then
    echo "Startup checks complete. Ready for trading."
else
    echo "Startup checks complete. NOT ready: see above."
fi
exit $wrong
