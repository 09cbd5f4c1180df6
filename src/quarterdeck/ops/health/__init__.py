"""Whether all is well: components that are looked at when asked, each within a deadline.

components  what is said of one, and of all
machine     processor, memory, disks, clock
desk        one desk: process, venues, feeds, risk, orders, journal, reconciliation, standby
stores      databases, Redis, what was captured, backups
checking    who asks, how long, and how often
"""
