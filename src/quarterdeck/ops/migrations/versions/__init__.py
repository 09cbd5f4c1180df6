"""One step each, oldest first. A step that was released is never changed.

quarterdeck.ops.migrations.versions.v0001_tables
"""
