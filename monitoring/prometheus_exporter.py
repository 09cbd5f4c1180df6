"""Serves the desks' metrics for Prometheus: python monitoring/prometheus_exporter.py --port 8000."""

import sys

from quarterdeck.ops.metrics.exporter import main

sys.exit(main())
