"""The console: what an operator looks at, in a process of its own, apart from the API and from every desk.

markup      HTML that cannot be forgotten to be escaped
wording     figures as people read them
looks       colours and the style sheet
live        the one NiceGUI element that all pages are made of: HTML that is changed only where it differs
memory      what the console has seen of each desk: the newest figures, their history, fills, log lines
pieces      tiles, badges, meters, tables: cards where the screen is narrow
frame       what every page has: navigation, the emergency bar, its dialogue, what was answered
overview    all desks
trading     a desk's positions, orders and fills
standing    a desk's rails, strategies, venues, reconciliation and health
records     a desk's reports, its operators' log, the access log, log lines
charts      equity, drawdown, price with fills, latency
alarms      alerts and incidents
commanding  from a filled-in dialogue to the desk's own acknowledgement
pages       one browser's page: what it shows, what was clicked
door        sign-in, cookies, security headers, who may pass
serving     the process

Pages are pure functions from figures to markup; a page's state lives here and not in the browser, which is sent only
what changed.
"""
