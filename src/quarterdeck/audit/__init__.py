"""The audit: who commanded what, heads of the journal that a third party keeps, and what was pruned by policy."""

from quarterdeck.audit.anchors import Anchor, read_anchor, write_anchor
from quarterdeck.audit.files import DeskFiles
from quarterdeck.audit.keys import SigningKey, load_key, obtain_key
from quarterdeck.audit.operators import OperatorCommand, operator_commands
from quarterdeck.audit.prunes import PrunedSegment, PruneRecord, append_prune, read_prunes
from quarterdeck.audit.verification import AuditReport, audit

__all__ = [
    "Anchor",
    "AuditReport",
    "DeskFiles",
    "OperatorCommand",
    "PruneRecord",
    "PrunedSegment",
    "SigningKey",
    "append_prune",
    "audit",
    "load_key",
    "obtain_key",
    "operator_commands",
    "read_anchor",
    "read_prunes",
    "write_anchor",
]
