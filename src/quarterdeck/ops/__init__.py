"""The ops plane: processes beside the trading loops that read what each desk shows and send it commands.

desks       a desk seen from outside: what it shows, what its logs tell, its control socket
figures     what is shown, as names and money
store       the ops plane's own memory: tokens, approvals, alerts, incidents
commands    the one way in which anything here tells a desk something
access/     who may: tokens, roles, second factors, four eyes, lock-outs, and the audit of refusals
bus/        what happened, by topic: in the process, or through Redis
health/     components, probed with deadlines
metrics/    what Prometheus scrapes
alerts/     rules, severities, channels, escalation, silences
incidents/  from an alert to the post-mortem
api/        HTTP
console/    the pages, in a process of their own
"""
