"""What happened, by topic: in one process, or between processes through Redis Streams."""

from quarterdeck.ops.bus.client import BUS
from quarterdeck.ops.bus.events import MISSED, TOPICS, Bus, BusEvent, Subscription
from quarterdeck.ops.bus.local import InProcessBus
from quarterdeck.ops.bus.opening import open_bus
from quarterdeck.ops.bus.remote import RedisBus

__all__ = ["BUS", "MISSED", "TOPICS", "Bus", "BusEvent", "InProcessBus", "RedisBus", "Subscription", "open_bus"]
