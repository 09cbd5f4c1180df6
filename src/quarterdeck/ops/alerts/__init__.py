"""Alerts: rules over events and figures, who is told of what they find, and until when.

model       severities, states, findings and alerts
windows     what the event rules remember: rates, latencies, losses
rules       one table of everything that can be wrong; by_event, by_figures and by_machine hold its parts
machine     what is measured beside the desks: disks, memory, backups, captures
silences    what is not told, from when until when, by whom and why
looking     what looks find becomes findings: what holds fires, what no longer holds is over
inbox       findings that wait, bounded: a flood becomes counts
book        the store of alerts: what the engine, the console and the command line all read and write
engine      the state machine: from findings to alerts, from alerts to notices
notices     grouping, the limit of how many are told, and what was left out
roster      which channels a notice goes to: by severity, by shift, by escalation step
wording     a notice as words and as JSON
channels    console, file, webhook, Apprise
dispatch    sends what is written down, falls back where a channel fails
alerts      all of it, running
"""
