#!/bin/bash
# The evening checklist. Exit 0: all of it was done and nothing differs; 1: something does, or could not be done.
source "$(dirname "$0")/desk.sh"
wrong=0
TODAY=$(date -u +%Y-%m-%d)
export REPORT=$REPORTS/trades-$TODAY.csv

echo "Daily Shutdown Checklist"
echo "========================"

echo "1. Generating daily P&L report..."
python3 << PYTHON || wrong=1
import os
from pnl_accounting import get_accounting
accounting = get_accounting()
summary = accounting.get_pnl_summary("today")
print(f"\nDaily Summary - $TODAY")
print("=" * 50)
print(f"Total Trades: {summary['total_trades']}")
print(f"Successful: {summary['successful_trades']}")
print(f"Failed: {summary['failed_trades']}")
print(f"Success Rate: {summary['success_rate']}")
print(f"Net Profit: \${summary['net_profit_usd']:.2f}")
print(f"Total Costs: \${summary['total_costs']['total_usd']:.2f}")
print("=" * 50)
print(f"\nTrades exported to {accounting.export_to_csv(os.environ['REPORT'], 'today')}")
PYTHON

echo "2. Checking for anomalies..."
python3 << PYTHON || wrong=1
from observability import get_metrics
anomalies = get_metrics().get_metrics_summary()["anomalies"]
if anomalies["total"] > 0:
    print(f"{anomalies['total']} anomalies detected today")
    for anomaly in anomalies["recent"][:5]:
        print(f"  - {anomaly['type']}: {anomaly['value']} (trade {anomaly['trade_id']})")
else:
    print("No anomalies detected")
PYTHON

echo "3. Archiving logs..."
mkdir -p "$LOGS/archive"
for log in "$LOGS"/*.log; do
    [ -f "$log" ] || continue
    gzip -c "$log" > "$LOGS/archive/${TODAY}_$(basename "$log").gz" || wrong=1
done
ls "$LOGS/archive" | grep "^${TODAY}_"

echo "4. Reconciling accounts..."
python3 << PYTHON || wrong=1
import sys
from pnl_accounting import get_accounting
found = get_accounting().reconcile()
if found["reconciled"]:
    print(f"Accounts reconciled: {found['receipts_checked']} receipts and every purse, at block {found['block']}")
elif found["difference"].is_nan():
    sys.exit("Accounts could not be compared with the chain: see above")
else:
    sys.exit(f"Reconciliation mismatch: \${found['difference']:.2f}")
PYTHON

echo
echo "Shutdown checks complete."
exit $wrong
