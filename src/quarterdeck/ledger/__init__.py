"""The ledger: a double-entry projection of the journal into a database, which can be made anew from it at any time.

projection   follows the journal and writes what it moved: `watch` sees it, `rows` puts it into words
database     where the rows stand: SQLite beside the desk, or PostgreSQL
agreement    that the rows add up to what the kernel has
export, trace, command   what people get to see of it
"""
