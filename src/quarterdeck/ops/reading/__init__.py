"""Reading a desk's published state: the kernel's integers as figures for people, by the names of its fields.

statement   the state's terms and positions as plain integers, whatever its capacity
stakes      exposure, heat, margin and windows, as the kernel computes them
rails       each limit that is set, and how much of it is used
orders      the table of orders
parts       purses, feeds, strategies, venues, positions and the breaker
"""
