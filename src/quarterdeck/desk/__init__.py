"""One running desk: its clock, trading core, journal keeping, recovery, control socket and loop."""
