"""Backups: an online copy of a desk that any of its recipients can open, restored whole, and proved by a drill."""

from quarterdeck.backup.checking import CheckReport, check_backups
from quarterdeck.backup.drill import DrillReport, drill
from quarterdeck.backup.logs import roll_logs
from quarterdeck.backup.manifest import Manifest
from quarterdeck.backup.pruning import PruneReport, prune
from quarterdeck.backup.restoring import Restored, restore
from quarterdeck.backup.schedule import BackupRunner, BackupSchedule
from quarterdeck.backup.store import Store
from quarterdeck.backup.taking import BackupReport, take_backup

__all__ = [
    "BackupReport",
    "BackupRunner",
    "BackupSchedule",
    "CheckReport",
    "DrillReport",
    "Manifest",
    "PruneReport",
    "Restored",
    "Store",
    "check_backups",
    "drill",
    "prune",
    "restore",
    "roll_logs",
    "take_backup",
]
