"""Incidents: from an alert, or a person, to the post-mortem.

model       what an incident is: severities, phases and their targets
tables      what the store keeps of it
timeline    what the desk's logs say of a time, linked to the journal's sequence numbers
loss        what it cost, from the desk's own figures, or why that is not known
report      the response clock and the post-mortem as Markdown
incidents   all that people do with them
"""
