"""The ops plane's HTTP: every route of the runbooks, one way in.

routing     an entry of the table of routes, and the door that every request goes through
caller      who calls, of which desks, with which second factor
idempotency the same key and the same body: the same answer, done once
problems    errors as problem documents (RFC 9457), each with a code
shapes      what answers look like, for the OpenAPI document; bodies: what requests may say
shield      what surrounds every request: a browser's headers, the longest body, this machine's names
views       a desk's figures as those answers
recent      what the desks' trading logs told lately: fills, signals, each order's way
trading, emergency, settings, health, aggregate, stream, alerts, incidents, people, pages   the routes
application the app itself
"""
